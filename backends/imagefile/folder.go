package imagefile

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Packed is a root file system as an image of one layer.
type Packed struct {
	ID     string // content id
	Config []byte
	Layer  *os.File // unpacked, at its beginning; it has no name and goes when it is closed
	Size   int64    // bytes of Layer
}

// PackFolder makes an image of a folder that holds a root file system: one
// layer, the PATH of Docker's default, no command. The same files give the
// same id. Owners (as numbers), modes, times to the second, hard links and
// file capabilities are kept; sockets are left out, and so is what other file
// systems hold that are mounted below. scratch is where the layer is written.
// tell is told how many bytes are packed.
func PackFolder(ctx context.Context, dir, scratch string, tell func(int64)) (*Packed, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	if err := looksLikeRoot(dir); err != nil {
		return nil, err
	}
	f, err := Scratch(scratch)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	p := &packer{ctx: ctx, top: dir, links: map[inode]string{}, tell: tell}
	p.tw = tar.NewWriter(io.MultiWriter(f, sum, p))
	err = filepath.WalkDir(dir, p.add)
	if err == nil {
		err = p.tw.Close()
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=" + defaultPath}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum.Sum(nil))}},
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Packed{ID: Digest(config), Config: config, Layer: f, Size: p.n}, nil
}

// defaultPath is the PATH that Docker gives where an image has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Scratch makes a file in a folder that has no name, so that nothing is left
// of it whatever becomes of this process.
func Scratch(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".scratch-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// looksLikeRoot refuses folders that are no root file system: a slip of the
// finger would pack a home folder with all its secrets.
func looksLikeRoot(dir string) error {
	for _, name := range []string{"bin", "sbin", "usr", "etc"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.IsDir() {
			return nil
		}
	}
	return errors.New("the folder is no root file system: it has neither bin, sbin, usr nor etc")
}

type inode struct{ dev, ino uint64 }

// packer writes what a walk finds.
type packer struct {
	ctx     context.Context
	top     string
	dev     uint64
	links   map[inode]string // the first name of a file with several
	tw      *tar.Writer
	n       int64
	entries int
	tell    func(int64)
}

// Write counts what was packed.
func (p *packer) Write(b []byte) (int, error) {
	if p.n += int64(len(b)); p.n > maxImage {
		return 0, fmt.Errorf("the folder holds more than %d GiB", maxImage>>30)
	}
	p.tell(p.n)
	return len(b), p.ctx.Err()
}

func (p *packer) add(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if p.entries++; p.entries > maxEntries {
		return fmt.Errorf("the folder holds more than %d files", maxEntries)
	}
	st, err := d.Info()
	if err != nil {
		return fmt.Errorf("it changed while it was packed: %w", err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || st.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	name, err := filepath.Rel(p.top, path)
	if err != nil {
		return err
	}
	if name == "." {
		p.dev = uint64(sys.Dev)
		return nil // an image's own top has no entry
	}
	target := ""
	if st.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(st, target)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	h.Name, h.Format = filepath.ToSlash(name), tar.FormatPAX
	h.Uname, h.Gname = "", "" // names of this machine's mean nothing there
	h.ModTime, h.AccessTime, h.ChangeTime = st.ModTime().Truncate(time.Second), time.Time{}, time.Time{}
	if st.IsDir() {
		h.Name += "/"
	}
	if first, again := p.links[inode{uint64(sys.Dev), sys.Ino}]; again && !st.IsDir() {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		return p.tw.WriteHeader(h)
	}
	if sys.Nlink > 1 && !st.IsDir() {
		p.links[inode{uint64(sys.Dev), sys.Ino}] = h.Name
	}
	if st.Mode().IsRegular() {
		return p.regular(path, st, h)
	}
	if err := p.tw.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if st.IsDir() && uint64(sys.Dev) != p.dev {
		return fs.SkipDir
	}
	return nil
}

// regular packs a file, if it is the one that was found: nothing is followed
// that took its place meanwhile.
func (p *packer) regular(path string, found fs.FileInfo, h *tar.Header) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(st, found) || st.Size() != found.Size() {
		return fmt.Errorf("%s changed while it was packed", path)
	}
	caps := make([]byte, 64) // a capability takes 20 or 24 bytes
	if n, err := unix.Fgetxattr(int(f.Fd()), xattrCaps, caps); err == nil {
		h.PAXRecords = map[string]string{"SCHILY.xattr." + xattrCaps: string(caps[:n])}
	}
	if err := p.tw.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n, err := io.Copy(p.tw, io.LimitReader(f, h.Size)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	} else if n != h.Size {
		return fmt.Errorf("%s changed while it was packed", path)
	}
	return nil
}

const xattrCaps = "security.capability"
