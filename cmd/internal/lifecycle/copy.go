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
	"path/filepath"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// CopyIn copies a file or folder of the host into a bottle. As with cp: into
// dst when that is a folder, else to that name. What arrives belongs to the
// bottle's user.
func (m *Manager) CopyIn(ctx context.Context, id, src, dst string) error {
	b, be, err := m.use(ctx, id, projections.Copy)
	if err != nil {
		return err
	}
	defer be.Close()
	dir, name, err := landing(ctx, be, m.refOf(b), dst, filepath.Base(filepath.Clean(src)))
	if err != nil {
		return about(b.Slug, b.Backend, err)
	}
	if _, err := os.Lstat(src); err != nil {
		return &Problem{Code: CodeUsage, Slug: b.Slug, Message: "cp", Err: err}
	}
	r, w := io.Pipe()
	var bytes int64
	packed := make(chan error, 1)
	go func() {
		n, err := pack(w, src, name, ownerOf(b))
		bytes = n
		w.CloseWithError(err)
		packed <- err
	}()
	m.At("cp:in")
	err = be.CopyIn(ctx, m.refOf(b), dir, r)
	r.CloseWithError(io.ErrClosedPipe) // frees the packer when the engine stopped reading
	if perr := <-packed; perr != nil && !errors.Is(perr, io.ErrClosedPipe) {
		err = errors.Join(err, perr)
	}
	if err != nil {
		return about(b.Slug, b.Backend, err)
	}
	_, err = m.note(ctx, id, &events.FileCopied{Direction: "in", Bytes: bytes, CopyPrivate: events.CopyPrivate{Path: path.Join(dir, name)}})
	return err
}

// landing finds the folder to unpack in and the name to give.
func landing(ctx context.Context, be backends.Backend, ref backends.Ref, dst, base string) (dir, name string, err error) {
	if !path.IsAbs(dst) {
		return "", "", usage("cp: the path inside the bottle must be absolute: %s", dst)
	}
	st, err := be.Stat(ctx, ref, path.Clean(dst))
	switch {
	case err == nil && fs.FileMode(st.Mode).IsDir():
		return path.Clean(dst), base, nil
	case err == nil && fs.FileMode(st.Mode)&fs.ModeSymlink != 0 && strings.HasSuffix(dst, "/"):
		return "", "", usage("cp: %s is a link, which cp does not follow", dst)
	case err != nil && !errors.Is(err, backends.ErrNotFound):
		return "", "", err
	case strings.HasSuffix(dst, "/"):
		return "", "", usage("cp: %s is no folder in the bottle", dst)
	}
	return path.Dir(path.Clean(dst)), path.Base(dst), nil
}

// ownerOf is the numeric user of a bottle; files that cp brings belong to it.
func ownerOf(b projections.Bottle) [2]int {
	u, g, _ := strings.Cut(orElse(b.Spec.User, b.Spec.DefaultUser), ":")
	uid, err := strconv.Atoi(u)
	if err != nil {
		return [2]int{}
	}
	gid, err := strconv.Atoi(g)
	if err != nil {
		gid = uid
	}
	return [2]int{uid, gid}
}

// pack writes src as a tar stream under the given name and counts the bytes
// of its files. Links are packed as links.
func pack(w io.Writer, src, name string, owner [2]int) (bytes int64, err error) {
	tw := tar.NewWriter(w)
	err = filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		link := ""
		if st.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(p); err != nil {
				return err
			}
		} else if !st.Mode().IsRegular() && !st.IsDir() {
			return usage("cp: %s is neither a file, a folder nor a link", p)
		}
		h, err := tar.FileInfoHeader(st, link)
		if err != nil {
			return err
		}
		h.Name = path.Join(name, filepath.ToSlash(rel))
		h.Uid, h.Gid, h.Uname, h.Gname = owner[0], owner[1], "", ""
		if err := tw.WriteHeader(h); err != nil || !st.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(tw, f)
		bytes += n
		return err
	})
	return bytes, errors.Join(err, tw.Close())
}

// CopyOut copies a file or folder of a bottle to the host. What a guest packs
// is hostile: nothing is written outside the destination, no link is
// followed, and links that lead out of the copy are left out.
func (m *Manager) CopyOut(ctx context.Context, id, src, dst string) error {
	b, be, err := m.use(ctx, id, projections.Copy)
	if err != nil {
		return err
	}
	defer be.Close()
	if !path.IsAbs(src) {
		return usage("cp: the path inside the bottle must be absolute: %s", src)
	}
	dir, name := filepath.Dir(filepath.Clean(dst)), filepath.Base(filepath.Clean(dst))
	if st, err := os.Stat(dst); err == nil && st.IsDir() {
		dir, name = filepath.Clean(dst), path.Base(path.Clean(src))
	} else if strings.HasSuffix(dst, "/") {
		return usage("cp: %s is no folder", dst)
	}
	if name == "/" || name == "." {
		return usage("cp: name what to copy below the root of the bottle")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return &Problem{Code: CodeUsage, Slug: b.Slug, Message: "cp", Err: err}
	}
	defer root.Close()
	m.At("cp:out")
	u := unpacker{root: root, name: name, say: func(s string) { m.warn(b.Slug, s) }}
	err = u.receive(ctx, func(ctx context.Context, w io.Writer) error {
		return be.CopyOut(ctx, m.refOf(b), path.Clean(src), w)
	})
	if err != nil {
		return about(b.Slug, b.Backend, fmt.Errorf("cp %s: %w", src, err))
	}
	_, err = m.note(ctx, id, &events.FileCopied{Direction: "out", Bytes: u.bytes, CopyPrivate: events.CopyPrivate{Path: path.Clean(src)}})
	return err
}
