package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// fromPath keeps what lies under a path: an archive, or a folder with a root
// file system.
func (s *Store) fromPath(ctx context.Context, file string, say func(backends.Progress)) (backends.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return backends.Image{}, fmt.Errorf("image archive %q: %w: %w", file, backends.ErrImageNotFound, err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return backends.Image{}, fmt.Errorf("image archive %q: %w", file, err)
	case st.IsDir():
		return s.fromFolder(ctx, file, say)
	case !st.Mode().IsRegular():
		return backends.Image{}, fmt.Errorf("image archive %q: %w: it is no file", file, backends.ErrImageNotFound)
	}
	said := said("reading "+filepath.Base(file), st.Size(), say)
	img, err := s.fromFile(ctx, f, nil, said, say)
	if err != nil {
		return img, fmt.Errorf("image archive %q: %w", file, err)
	}
	return img, nil
}

// said makes a function that tells how far something is, once a megabyte.
func said(detail string, total int64, say func(backends.Progress)) func(int64) {
	last := int64(0)
	say(backends.Progress{Step: "load", Detail: detail, Total: total})
	return func(done int64) {
		if done>>20 != last>>20 || done == total {
			last = done
			say(backends.Progress{Step: "load", Detail: detail, Done: done, Total: total})
		}
	}
}

// fromFile keeps the image of an archive. accept may refuse it by what it
// says of itself.
func (s *Store) fromFile(ctx context.Context, f *os.File, accept func(imagefile.Contents) error, tell func(int64), say func(backends.Progress)) (backends.Image, error) {
	bad := func(err error) (backends.Image, error) {
		var file *fs.PathError // a trouble of the disk's
		if errors.Is(err, context.Canceled) || errors.As(err, &file) {
			return backends.Image{}, err
		}
		return backends.Image{}, fmt.Errorf("%w: %w", backends.ErrBadRequest, err)
	}
	r, plain, err := imagefile.Unpacked(f)
	if err != nil {
		return bad(err)
	}
	if !plain { // in a packed file nothing can be found twice
		if err := s.makeDir(s.dir); err != nil {
			return backends.Image{}, err
		}
		spool, err := s.spool(ctx, r)
		if err != nil {
			return bad(err)
		}
		defer spool.Close()
		f = spool
	}
	c, err := imagefile.Scan(f)
	if err != nil {
		return bad(err)
	}
	if accept != nil {
		if err := accept(c); err != nil {
			return bad(err)
		}
	}
	text, err := readSpan(f, c.Config)
	if err != nil {
		return bad(err)
	}
	if imagefile.Digest(text) != c.ID {
		return bad(errors.New("it changed while it was read"))
	}
	done := int64(0)
	var layers []layerSource
	for _, span := range c.Layers {
		layers = append(layers, func(ctx context.Context) (io.ReadCloser, error) {
			return io.NopCloser(&told{ctx: ctx, r: io.NewSectionReader(f, span.Offset, span.Size), moved: func(n int) {
				done += int64(n)
				tell(done)
			}}), nil
		})
	}
	img, err := s.keep(ctx, text, layers, waits("load", say))
	if errors.Is(err, imagefile.ErrDamaged) {
		return bad(err)
	}
	return img, err
}

// fromFolder packs a folder. A folder changes, so that it is what it is now.
func (s *Store) fromFolder(ctx context.Context, dir string, say func(backends.Progress)) (backends.Image, error) {
	op := fmt.Sprintf("image folder %q", dir)
	if err := s.makeDir(s.dir); err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	packed, err := imagefile.PackFolder(ctx, dir, s.dir, said("packing "+filepath.Base(dir), 0, say))
	if ctx.Err() != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, err)
	}
	defer packed.Layer.Close()
	img, err := s.keep(ctx, packed.Config, []layerSource{func(ctx context.Context) (io.ReadCloser, error) {
		return io.NopCloser(&told{ctx: ctx, r: packed.Layer, moved: func(int) {}}), nil
	}}, waits("load", say))
	if err != nil {
		return img, fmt.Errorf("%s: %w", op, err)
	}
	return img, nil
}

// Import takes an archive of `docker save` from a stream and keeps it. want
// says which image it must be, by its ID, and what is known of it besides: its
// Digest is remembered. Another image in the stream is
// [backends.ErrBadRequest].
func (s *Store) Import(ctx context.Context, want backends.Image, r io.Reader) (backends.Image, error) {
	fail := func(err error) (backends.Image, error) {
		return backends.Image{}, fmt.Errorf("image %s: %w", want.ID, err)
	}
	if err := s.makeDir(s.dir); err != nil {
		return fail(err)
	}
	spool, err := s.spool(ctx, r)
	if err != nil {
		return fail(err)
	}
	defer spool.Close()
	accept := func(c imagefile.Contents) error {
		// an engine may name an image by its manifest
		if !slices.Contains([]string{c.ID, c.Index}, want.ID) {
			return fmt.Errorf("what came is another image, %s", c.ID)
		}
		return nil
	}
	quiet := func(backends.Progress) {}
	img, err := s.fromFile(ctx, spool, accept, func(int64) {}, quiet)
	if err == nil && img.ID != want.ID {
		err = s.remember(named{Name: want.ID, ID: img.ID, Digest: want.Digest})
	}
	if ref, perr := imageref.Parse(want.Digest); err == nil && want.Digest != "" && perr == nil && ref.Named != nil {
		err = s.remember(named{Name: ref.Named.String(), ID: img.ID, Digest: want.Digest})
	}
	if err != nil {
		return fail(err)
	}
	img.Digest = want.Digest
	return img, nil
}

// maxSpool bounds what is written before anything of it is known, in bytes.
const maxSpool = 64 << 30

// spool writes a stream into a file that goes when it is closed.
func (s *Store) spool(ctx context.Context, r io.Reader) (*os.File, error) {
	f, err := imagefile.Scratch(s.dir)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(f, io.LimitReader(&told{ctx: ctx, r: r, moved: func(int) {}}, maxSpool))
	if err == nil && n == maxSpool {
		err = fmt.Errorf("it is longer than %d GiB", maxSpool>>30)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// told is a reader that tells what was read, and ends with its context.
type told struct {
	ctx   context.Context
	r     io.Reader
	moved func(int)
}

func (t *told) Read(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := t.r.Read(p)
	t.moved(n)
	return n, err
}
