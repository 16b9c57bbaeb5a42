package inside

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// copyIn unpacks a tar stream below a folder, and never outside of it.
func (s *served) copyIn(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fileError(err)
	}
	defer root.Close()
	if err := s.welcome(); err != nil {
		return errHostLeft
	}
	in := &stream{s: s}
	u := &unpacker{root: root, dir: dir}
	if err := u.unpack(tar.NewReader(in)); err != nil {
		if in.left {
			return errHostLeft
		}
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what follows the end of the archive
		return errHostLeft
	}
	return nil
}

// stream is the bytes that the host sends.
type stream struct {
	s    *served
	rest []byte
	end  bool
	left bool // the host left before their end
}

func (r *stream) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.end {
			return 0, io.EOF
		}
		f, err := r.s.in.Next()
		switch {
		case err != nil:
			r.left = true
			return 0, errHostLeft
		case f.Kind == wire.KindIn:
			r.rest = f.Payload
			if err := r.s.out.Send(wire.KindTaken, wire.PackTaken(len(f.Payload))); err != nil {
				r.left = true
				return 0, errHostLeft
			}
		case f.Kind == wire.KindInEnd:
			r.end = true
		default:
			return 0, wire.ErrFrame
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// unpacker makes what a tar stream describes.
type unpacker struct {
	root    *os.Root
	dir     string
	folders []*tar.Header // their times are set last: their contents change them
}

func (u *unpacker) unpack(t *tar.Reader) error {
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read the tar stream: %w", err)
		}
		name := local(h.Name)
		if name == "." {
			continue // the folder itself, which is there
		}
		if err := u.entry(name, h, t); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
	for _, h := range u.folders {
		if err := u.times(local(h.Name), h); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
	return nil
}

// local bends a name that leads out of the folder back into it.
func local(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "."
	}
	return name
}

// entry makes one thing. What is there already gives way to its like; a whole
// folder gives way to nothing.
func (u *unpacker) entry(name string, h *tar.Header, body io.Reader) error {
	if parent := path.Dir(name); parent != "." {
		if err := u.root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	there, err := u.root.Lstat(name)
	switch {
	case err == nil && there.IsDir() != (h.Typeflag == tar.TypeDir):
		return fmt.Errorf("a folder and something else of this name cannot take each other's place: %w", backends.ErrBadRequest)
	case err == nil && !there.IsDir():
		err = u.root.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.folders = append(u.folders, h)
		if err = u.root.Mkdir(name, 0o700); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	case tar.TypeReg:
		err = u.file(name, body)
	case tar.TypeSymlink:
		err = u.root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return u.root.Link(local(h.Linkname), name) // owner and mode are of the file
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		err = u.node(name, h)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return fmt.Errorf("an entry of type %q cannot be made: %w", h.Typeflag, backends.ErrBadRequest)
	}
	if err != nil {
		return err
	}
	return u.finish(name, h)
}

func (u *unpacker) file(name string, body io.Reader) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}

// node makes a device or a named pipe, in its folder as the root found it.
func (u *unpacker) node(name string, h *tar.Header) error {
	dir, err := u.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	mode := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
	return unix.Mknodat(int(dir.Fd()), path.Base(name), mode|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
}

// finish sets owner, mode and times, in this order: a change of the owner
// clears the bits that give his rights away.
func (u *unpacker) finish(name string, h *tar.Header) error {
	if err := u.root.Lchown(name, h.Uid, h.Gid); err != nil && os.Geteuid() == 0 {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	if err := u.root.Chmod(name, h.FileInfo().Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	return u.times(name, h)
}

func (u *unpacker) times(name string, h *tar.Header) error {
	if h.ModTime.IsZero() || h.ModTime.Equal(time.Unix(0, 0)) {
		return nil // the stream does not say
	}
	return u.root.Chtimes(name, time.Time{}, h.ModTime)
}
