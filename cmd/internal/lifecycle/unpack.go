package lifecycle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// unpacker writes a guest's tar stream below one folder of the host.
type unpacker struct {
	root  *os.Root
	name  string // what the top entry is called here
	say   func(string)
	bytes int64
}

// receive unpacks what send writes, and lets send end before it returns, also
// when the stream is not read to its end.
func (u *unpacker) receive(ctx context.Context, send func(context.Context, io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(send(ctx, w))
	}()
	err := u.run(r)
	cancel()
	r.CloseWithError(io.ErrClosedPipe)
	<-done
	return err
}

// run unpacks r. The stream's first path element, whatever the guest called
// it, becomes name. os.Root makes sure that no entry leaves the folder, also
// not through a link that an earlier entry made.
func (u *unpacker) run(r io.Reader) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, tr); err != nil {
			return err
		}
	}
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	p := u.place(h.Name)
	mode := fs.FileMode(h.Mode) & 0o777 // no setuid from a guest
	if link, err := u.throughLink(p, h.Typeflag == tar.TypeDir); link != "" || err != nil {
		u.say(fmt.Sprintf("left out: %s: %s is a link, which is not followed", p, link))
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.MkdirAll(p, mode|0o700); err != nil {
			return fmt.Errorf("folder %s: %w", p, err)
		}
	case tar.TypeReg:
		return u.file(p, mode, r)
	case tar.TypeSymlink:
		if !u.inward(p, h.Linkname) {
			if p == u.name {
				return usage("it is a link to %s, which is not followed: name that instead", h.Linkname)
			}
			u.say(fmt.Sprintf("left out: the link %s leads out of the copy, to %s", p, h.Linkname))
			return nil
		}
		if err := u.clear(p); err != nil {
			return err
		}
		return u.root.Symlink(h.Linkname, p)
	case tar.TypeLink:
		return u.hardLink(p, u.place(h.Linkname))
	default:
		u.say(fmt.Sprintf("left out: %s is no file, folder or link", p))
	}
	return nil
}

// place is where an entry goes, whatever the guest called the top.
func (u *unpacker) place(name string) string {
	_, rest, _ := strings.Cut(path.Clean("/" + name)[1:], "/")
	return path.Join(u.name, rest)
}

// throughLink finds the first link on the way to p, of the guest's or of an
// older copy; with last, p itself counts. "" is none.
func (u *unpacker) throughLink(p string, last bool) (string, error) {
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' || i == len(p) && !last {
			continue
		}
		st, err := u.root.Lstat(p[:i])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", nil
		case err != nil:
			return "", err
		case st.Mode()&fs.ModeSymlink != 0:
			return p[:i], nil
		}
	}
	return "", nil
}

// inward says whether a link at p leads to something in the copy. It may go
// up only at its beginning: after a name ".." means up from wherever that
// name leads, which may be a link itself.
func (u *unpacker) inward(p, to string) bool {
	named := false
	for _, part := range strings.Split(to, "/") {
		if part == ".." && named {
			return false
		}
		named = named || part != ".." && part != "." && part != ""
	}
	return !path.IsAbs(to) && below(u.name, path.Join(path.Dir(p), to))
}

// hardLink gives a file of the copy a second name. A link would mean
// something else in another folder.
func (u *unpacker) hardLink(p, old string) error {
	link, err := u.throughLink(old, true)
	if link != "" || err != nil {
		u.say(fmt.Sprintf("left out: %s: %s is a link, which is not followed", p, link))
		return err
	}
	if err := u.clear(p); err != nil {
		return err
	}
	return u.root.Link(old, p)
}

// below says whether a clean relative path stays at or under top.
func below(top, p string) bool { return p == top || strings.HasPrefix(p, top+"/") }

func (u *unpacker) file(p string, mode fs.FileMode, r io.Reader) error {
	if dir := path.Dir(p); dir != "." {
		if err := u.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("folder of %s: %w", p, err)
		}
	}
	if err := u.clear(p); err != nil {
		return err
	}
	f, err := u.root.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("file %s: %w", p, err)
	}
	n, err := io.Copy(f, r)
	u.bytes += n
	return errors.Join(err, f.Close())
}

// clear makes way for a file. A link is removed, never written through; a
// folder in the way is an error.
func (u *unpacker) clear(p string) error {
	if err := u.root.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: %w", p, err)
	}
	return nil
}
