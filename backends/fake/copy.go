package fake

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

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// reach opens the host folder that holds a path of a guest, by its mounts,
// and says where in there the path is. The folder is never left.
func (b *backend) reach(r *record, p string) (*os.Root, string, error) {
	p = path.Clean("/" + p)
	host, rest := b.instance(r.ID, "root"), p
	mounts := append([]backends.Mount{{Source: b.path("images", "bin"), Target: "/bin"}}, r.Spec.Mounts...)
	for _, m := range mounts { // the last one wins, as when they are mounted
		target := path.Clean(m.Target)
		if p == target || strings.HasPrefix(p, target+"/") {
			host, rest = m.Source, strings.TrimPrefix(p, target)
		}
	}
	if st, err := os.Stat(host); err == nil && !st.IsDir() { // a file was mounted
		host, rest = path.Dir(host), path.Base(host)
	}
	root, err := os.OpenRoot(host)
	return root, inside(rest), missing(err)
}

// missing gives errors of files their name in the contract.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", backends.ErrNotFound, err)
	}
	return err
}

func (b *backend) Stat(ctx context.Context, ref backends.Ref, p string) (st backends.PathStat, err error) {
	err = b.around(ctx, "stat", ref.Name, func() error {
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		root, at, err := b.reach(r, p)
		if err != nil {
			return err
		}
		defer root.Close()
		fi, err := root.Lstat(at)
		if err != nil {
			return missing(err)
		}
		st = backends.PathStat{Name: path.Base(path.Clean("/" + p)), Size: fi.Size(), Mode: uint32(fi.Mode())}
		if fi.Mode()&fs.ModeSymlink != 0 {
			st.Link, err = root.Readlink(at)
		}
		return err
	})
	return st, err
}

func (b *backend) CopyOut(ctx context.Context, ref backends.Ref, p string, out io.Writer) error {
	return b.around(ctx, "copyout", ref.Name, func() error {
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		root, at, err := b.reach(r, p)
		if err != nil {
			return err
		}
		defer root.Close()
		w := tar.NewWriter(&stoppable{ctx: ctx, to: out})
		base := path.Base(path.Clean("/" + p))
		if err := packTree(w, root, at, base); err != nil {
			return missing(err)
		}
		return w.Close()
	})
}

// packTree packs what is at a path under another name.
func packTree(w *tar.Writer, root *os.Root, at, name string) error {
	fi, err := root.Lstat(at)
	if err != nil {
		return err
	}
	link := ""
	if fi.Mode()&fs.ModeSymlink != 0 {
		if link, err = root.Readlink(at); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(fi, link)
	if err != nil {
		return err
	}
	h.Name = name
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	switch {
	case fi.IsDir():
		dir, err := root.Open(at)
		if err != nil {
			return err
		}
		entries, err := dir.ReadDir(-1)
		if err = errors.Join(err, dir.Close()); err != nil {
			return err
		}
		for _, e := range entries {
			if err := packTree(w, root, path.Join(at, e.Name()), path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	case fi.Mode().IsRegular():
		f, err := root.Open(at)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	}
	return nil
}

func (b *backend) CopyIn(ctx context.Context, ref backends.Ref, dir string, in io.Reader) error {
	return b.around(ctx, "copyin", ref.Name, func() error {
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		root, at, err := b.reach(r, dir)
		if err != nil {
			return err
		}
		defer root.Close()
		if st, err := root.Stat(at); err != nil {
			return missing(err)
		} else if !st.IsDir() {
			return fmt.Errorf("%w: %s is no folder", backends.ErrBadRequest, dir)
		}
		for t := tar.NewReader(in); ; {
			h, err := t.Next()
			if err == io.EOF {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = unpackOne(root, path.Join(at, inside(h.Name)), h, t)
			}
			if err != nil {
				return err
			}
		}
	})
}

// unpackOne makes one thing of a stream. What is there and is no folder makes
// room for it.
func unpackOne(root *os.Root, at string, h *tar.Header, body io.Reader) error {
	mode := h.FileInfo().Mode()
	if h.Typeflag != tar.TypeDir {
		if err := root.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := root.MkdirAll(path.Dir(at), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(at, 0o755); err != nil {
			return err
		}
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, at)
	case tar.TypeReg:
		f, err := root.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, body)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: %s is neither a file, a folder nor a link", backends.ErrBadRequest, h.Name)
	}
	if os.Getuid() == 0 {
		if err := root.Chown(at, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	return root.Chmod(at, mode.Perm())
}

// stoppable is a writer that a context ends.
type stoppable struct {
	ctx context.Context
	to  io.Writer
}

func (s *stoppable) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.to.Write(p)
}
