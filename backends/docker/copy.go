package docker

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// maxSmallFile bounds what is read of an image's own files.
const maxSmallFile = 1 << 20

// CopyIn unpacks a tar stream below a folder of the container.
func (b *Backend) CopyIn(ctx context.Context, ref backends.Ref, dir string, stream io.Reader) error {
	c, err := b.exact(ctx, "copy into", ref)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("copy into %s:%s", ref.Name, dir)
	if b.podman.Load() { // it would make the folder
		if _, err := b.api.ContainerStatPath(ctx, c.ID, dir); err != nil {
			return b.fileError(ctx, op, err)
		}
	}
	from := &source{r: stream}
	err = b.api.CopyToContainer(ctx, c.ID, dir, from, container.CopyToContainerOptions{})
	if failed := from.failed(); failed != nil && err != nil {
		return fmt.Errorf("%s: %w", op, failed)
	}
	return b.fileError(ctx, op, err)
}

// CopyOut writes a file or folder as a tar stream. The engine packs links as
// links.
func (b *Backend) CopyOut(ctx context.Context, ref backends.Ref, file string, stream io.Writer) error {
	c, err := b.exact(ctx, "copy out of", ref)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("copy out of %s:%s", ref.Name, file)
	to := &sink{w: stream}
	if b.podman.Load() { // it would pack what a link leads to
		st, err := b.stat(ctx, c.ID, file)
		if err != nil {
			return b.fileError(ctx, op, err)
		}
		if st.Mode&fs.ModeSymlink != 0 {
			if err := packLink(to, path.Base(file), st); err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
			return nil
		}
	}
	packed, _, err := b.api.CopyFromContainer(ctx, c.ID, file)
	if err != nil {
		return b.fileError(ctx, op, err)
	}
	defer packed.Close()
	_, err = io.Copy(to, packed)
	if to.err != nil {
		return fmt.Errorf("%s: %w", op, to.err)
	}
	return b.fail(ctx, op, err)
}

func packLink(to io.Writer, name string, st container.PathStat) error {
	w := tar.NewWriter(to)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: st.LinkTarget, Mode: 0o777, ModTime: st.Mtime})
	return errors.Join(err, w.Close())
}

// Stat describes a path inside. The engine says where a link leads in the
// end, not what is written in it.
func (b *Backend) Stat(ctx context.Context, ref backends.Ref, file string) (backends.PathStat, error) {
	c, err := b.exact(ctx, "look into", ref)
	if err != nil {
		return backends.PathStat{}, err
	}
	st, err := b.stat(ctx, c.ID, file)
	if err != nil {
		return backends.PathStat{}, b.fileError(ctx, fmt.Sprintf("look at %s:%s", ref.Name, file), err)
	}
	return backends.PathStat{Name: st.Name, Size: st.Size, Mode: uint32(st.Mode), Link: st.LinkTarget}, nil
}

// stat asks for one path. Podman answers "not found" to a link that leads
// nowhere, with the link in the header, which the API client then leaves out
// (pkg/api/handlers/compat/containers_archive.go).
func (b *Backend) stat(ctx context.Context, id, file string) (container.PathStat, error) {
	st, err := b.api.ContainerStatPath(ctx, id, file)
	if !cerrdefs.IsNotFound(err) || !b.podman.Load() {
		return st, err
	}
	query := url.Values{"path": {file}}
	resp, rerr := b.request(ctx, http.MethodHead, "/v"+b.api.ClientVersion()+"/containers/"+id+"/archive?"+query.Encode(), nil, nil)
	if rerr != nil {
		return st, rerr
	}
	defer resp.Body.Close()
	text, berr := base64.StdEncoding.DecodeString(resp.Header.Get("X-Docker-Container-Path-Stat"))
	if berr != nil || json.Unmarshal(text, &st) != nil || st.Mode&fs.ModeSymlink == 0 {
		return container.PathStat{}, err
	}
	return st, nil
}

// fileError names a missing path. The container was there a moment ago.
func (b *Backend) fileError(ctx context.Context, op string, err error) error {
	if cerrdefs.IsNotFound(err) {
		return fmt.Errorf("%s: %w", op, backends.ErrNotFound)
	}
	return b.refused(ctx, op, err)
}

// smallFile reads one regular file of a container's own.
func (b *Backend) smallFile(ctx context.Context, id, file string) (string, error) {
	op := "read " + file
	packed, _, err := b.api.CopyFromContainer(ctx, id, file)
	if err != nil {
		return "", b.fileError(ctx, op, err)
	}
	defer packed.Close()
	r := tar.NewReader(packed)
	h, err := r.Next()
	switch {
	case errors.Is(err, io.EOF), err == nil && h.Typeflag != tar.TypeReg:
		return "", fmt.Errorf("%s: it is no file: %w", op, backends.ErrNotFound)
	case err != nil:
		return "", b.fail(ctx, op, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxSmallFile))
	return string(text), b.fail(ctx, op, err)
}

// sink remembers that its writer failed: what is copied into it can fail on
// either side.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.w == nil {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// source is the same for a reader. It is read by the transport's goroutine.
type source struct {
	r   io.Reader
	mu  sync.Mutex
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
