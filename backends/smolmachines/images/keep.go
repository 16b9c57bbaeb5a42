package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// layerSource opens a layer of an image, as it is packed where it comes from.
type layerSource func(ctx context.Context) (io.ReadCloser, error)

// keep writes an image into the store, unless it is there and whole. One
// process writes an image, the others wait for it and find it there; waiting
// is called again and again while they do.
func (s *Store) keep(ctx context.Context, config []byte, layers []layerSource, waiting func()) (backends.Image, error) {
	cfg, err := imagefile.ParseConfig(config)
	if err != nil {
		return backends.Image{}, fmt.Errorf("%w: %w", backends.ErrBadRequest, err)
	}
	if len(cfg.Layers) != len(layers) {
		return backends.Image{}, fmt.Errorf("%w: it has %d layers, and its configuration tells of %d", backends.ErrBadRequest, len(layers), len(cfg.Layers))
	}
	id := imagefile.Digest(config)
	if st, err := s.Lookup(id); err == nil {
		return st.Image, nil
	}
	if err := s.makeDir(s.dir); err != nil {
		return backends.Image{}, err
	}
	unlock, err := s.lock(ctx, id, waiting)
	if err != nil {
		return backends.Image{}, err
	}
	defer unlock()
	if st, err := s.Lookup(id); err == nil { // somebody else was quicker
		return st.Image, nil
	}
	if err := s.write(ctx, id, config, layers); err != nil {
		return backends.Image{}, err
	}
	st, err := s.Lookup(id)
	return st.Image, err
}

// write writes an archive beside its place and moves it there when it is
// whole. What an earlier process left half-written is written over: the lock
// is ours.
func (s *Store) write(ctx context.Context, id string, config []byte, layers []layerSource) (err error) {
	part := s.path(id) + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(part)
		}
	}()
	w, err := imagefile.NewWriter(f, config)
	if err != nil {
		return err
	}
	for i, open := range layers {
		if w.Has(i) {
			continue
		}
		if err := writeLayer(ctx, w, i, open); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	// The engine may read it as another user, whatever our umask is.
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(part, s.path(id)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

func writeLayer(ctx context.Context, w *imagefile.Writer, i int, open layerSource) error {
	packed, err := open(ctx)
	if err != nil {
		return err
	}
	defer packed.Close()
	r, done, err := unpack(ctx, packed)
	if err != nil {
		return fmt.Errorf("layer %d: %w", i+1, err)
	}
	err = w.Layer(i, r)
	if derr := done(); err == nil {
		err = derr
	}
	return err
}

// makeDir makes a folder that every user may look into.
func (s *Store) makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	st, err := os.Stat(dir)
	if err == nil && st.Mode().Perm()&0o055 != 0o055 {
		err = os.Chmod(dir, st.Mode().Perm()|0o055)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockEvery is how often a lock is tried that another process has.
const lockEvery = 50 * time.Millisecond

// lock takes an image for writing. The lock ends with this process, whatever
// ends it.
func (s *Store) lock(ctx context.Context, id string, waiting func()) (unlock func(), err error) {
	name := filepath.Join(s.dir, "."+strings.TrimPrefix(id, imageref.IDPrefix)+".lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		waiting()
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}

// waits makes a function that says once what is waited for.
func waits(step string, say func(backends.Progress)) func() {
	return sync.OnceFunc(func() {
		say(backends.Progress{Step: step, Detail: "waiting for another bot-bottle that brings the same image"})
	})
}
