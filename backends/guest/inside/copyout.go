package inside

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// copyOut packs a file or folder. Links are packed as links.
func (s *served) copyOut(name string) error {
	name = path.Clean(name)
	st, err := os.Lstat(name)
	if err != nil {
		return fileError(err)
	}
	if err := s.welcome(); err != nil {
		return errHostLeft
	}
	packed, left := make(chan error, 1), make(chan struct{})
	go func() { packed <- s.packAll(name, st) }()
	go func() { // the host says nothing more: this is its end
		_, _ = s.in.Next()
		close(left)
	}()
	select {
	case err := <-packed:
		return err
	case <-left:
		return errHostLeft
	}
}

func (s *served) packAll(name string, st fs.FileInfo) error {
	p := &packer{tar: tar.NewWriter(&frames{s.out}), seen: map[inode]string{}}
	top := path.Base(name)
	if top == "/" {
		top = "."
	}
	if err := p.pack(name, top, st); err != nil {
		return err
	}
	return p.tar.Close()
}

// frames sends bytes as output.
type frames struct{ out *wire.Writer }

func (f *frames) Write(p []byte) (int, error) {
	for part := range slices.Chunk(p, wire.MaxData) {
		if err := f.out.Send(wire.KindOut, part); err != nil {
			return 0, errHostLeft
		}
	}
	return len(p), nil
}

// packer writes one tar stream.
type packer struct {
	tar  *tar.Writer
	seen map[inode]string // files with several names, by the first one
}

type inode struct{ dev, ino uint64 }

func (p *packer) pack(file, name string, st fs.FileInfo) error {
	link := ""
	switch {
	case st.Mode()&fs.ModeSymlink != 0:
		var err error
		if link, err = os.Readlink(file); err != nil {
			return fileError(err)
		}
	case st.Mode()&fs.ModeSocket != 0:
		return nil // nothing that could be unpacked
	}
	h, err := header(st, name, link)
	if err != nil {
		return fmt.Errorf("pack %q: %w", file, err)
	}
	if first := p.first(st, name); first != "" {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		return p.tar.WriteHeader(h)
	}
	switch {
	case st.IsDir():
		return p.folder(file, name, h)
	case st.Mode().IsRegular():
		return p.file(file, h)
	}
	return p.tar.WriteHeader(h)
}

// header is numeric: names of users mean nothing elsewhere.
func header(st fs.FileInfo, name, link string) (*tar.Header, error) {
	h, err := tar.FileInfoHeader(st, link)
	if err != nil {
		return nil, err
	}
	h.Name, h.Uname, h.Gname = name, "", ""
	if st.IsDir() {
		h.Name += "/"
	}
	return h, nil
}

// first is under which name a file was packed already.
func (p *packer) first(st fs.FileInfo, name string) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || sys.Nlink < 2 || !st.Mode().IsRegular() {
		return ""
	}
	id := inode{sys.Dev, sys.Ino}
	if first, ok := p.seen[id]; ok {
		return first
	}
	p.seen[id] = name
	return ""
}

func (p *packer) file(file string, h *tar.Header) error {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	// A file that grows is packed as long as it was; one that shrinks cannot be.
	n, err := io.Copy(p.tar, io.LimitReader(f, h.Size))
	if err == nil && n < h.Size {
		err = fmt.Errorf("pack %q: it shrank while it was read", file)
	}
	return err
}

func (p *packer) folder(file, name string, h *tar.Header) error {
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	if kernels(file) {
		return nil
	}
	entries, err := os.ReadDir(file)
	if err != nil {
		return fileError(err)
	}
	for _, e := range entries {
		inner := path.Join(file, e.Name())
		st, err := os.Lstat(inner)
		if os.IsNotExist(err) {
			continue // removed in the meantime
		}
		if err != nil {
			return err
		}
		if err := p.pack(inner, path.Join(name, e.Name()), st); err != nil {
			return err
		}
	}
	return nil
}

// kernels says whether a folder is the kernel's own (proc, sysfs, cgroups):
// its files are no files.
func kernels(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	return slices.Contains([]int64{unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC}, int64(st.Type))
}
