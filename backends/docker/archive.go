package docker

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path"

	cerrdefs "github.com/containerd/errdefs"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// loadPath makes an image of what lies under a path: an archive, or a folder
// with a root file system.
func (b *Backend) loadPath(ctx context.Context, file string, say func(backends.Progress)) (backends.Image, error) {
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		return b.loadFolder(ctx, file, say)
	}
	return b.loadArchive(ctx, file, say)
}

// loadFolder packs a folder, and loads it unless the engine has its image
// already.
func (b *Backend) loadFolder(ctx context.Context, dir string, say func(backends.Progress)) (backends.Image, error) {
	op := fmt.Sprintf("image folder %q", dir)
	said := int64(0)
	packed, err := imagefile.PackFolder(ctx, dir, "", func(n int64) {
		if n>>20 != said>>20 { // a word a megabyte
			said = n
			say(backends.Progress{Step: "load", Detail: "packing " + path.Base(dir), Done: n})
		}
	})
	if ctx.Err() != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, err)
	}
	defer packed.Layer.Close()
	img, err := b.imageOf(ctx, packed.ID, nil)
	if err == nil || !cerrdefs.IsNotFound(err) {
		return img, b.fail(ctx, op, err)
	}
	f, err := imagefile.Scratch("")
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	defer f.Close()
	w, err := imagefile.NewWriter(f, packed.Config)
	if err == nil {
		err = w.Layer(0, packed.Layer)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	if err := b.load(ctx, op, f, packed.Size, say); err != nil {
		return backends.Image{}, err
	}
	img, err = b.imageOf(ctx, packed.ID, nil)
	return img, b.fail(ctx, op, err)
}

// loadArchive loads an archive unless the engine has its image already. Which
// image it is is read from the archive itself: neither the newest image in
// the engine nor the text of its answer can say.
func (b *Backend) loadArchive(ctx context.Context, file string, say func(backends.Progress)) (backends.Image, error) {
	op := fmt.Sprintf("image archive %q", file)
	f, err := os.Open(file)
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w: %w", op, backends.ErrImageNotFound, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	if !st.Mode().IsRegular() {
		return backends.Image{}, fmt.Errorf("%s: %w: it is no file", op, backends.ErrImageNotFound)
	}
	say(backends.Progress{Step: "load", Detail: "reading " + path.Base(file), Total: st.Size()})
	return b.loadFrom(ctx, op, f, st.Size(), say)
}

// loadFrom loads an archive of so many bytes, unless the engine has its image.
func (b *Backend) loadFrom(ctx context.Context, op string, f io.ReadSeeker, size int64, say func(backends.Progress)) (backends.Image, error) {
	a, err := readArchive(f)
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, err)
	}
	img, err := b.archivedImage(ctx, a)
	if err == nil || !cerrdefs.IsNotFound(err) {
		return img, b.fail(ctx, op, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	if err := b.load(ctx, op, f, size, say); err != nil {
		return backends.Image{}, err
	}
	img, err = b.archivedImage(ctx, a)
	if cerrdefs.IsNotFound(err) && len(a.Tags) > 0 {
		// An engine that names images by their manifest, and an archive
		// without one: the name it gave the image is all that is left.
		var r imageref.Ref
		if r, err = imageref.Parse(a.Tags[0]); err == nil {
			img, err = b.localImage(ctx, r)
		}
	}
	return img, b.fail(ctx, op, err)
}

// archivedImage asks for the image of an archive.
func (b *Backend) archivedImage(ctx context.Context, a imagefile.Contents) (backends.Image, error) {
	img, err := b.imageOf(ctx, a.ID, nil)
	if a.Index != "" && cerrdefs.IsNotFound(err) {
		return b.imageOf(ctx, a.Index, nil)
	}
	return img, err
}

// load sends an archive to the engine.
func (b *Backend) load(ctx context.Context, op string, f io.Reader, size int64, say func(backends.Progress)) error {
	ctx, idle := b.withIdle(ctx)
	defer idle.stop()
	from := &counted{r: f, size: size, said: func(p backends.Progress) {
		idle.moved()
		say(p)
	}}
	whole := bufio.NewReader(from)
	var plain io.Reader = whole
	if begin, _ := whole.Peek(2); b.podman.Load() && imagefile.Packing(begin) == imagefile.Gzip { // it fails on a packed one
		unzipped, err := gzip.NewReader(whole)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, err)
		}
		plain = unzipped
	}
	answer, err := b.api.ImageLoad(ctx, plain)
	if err != nil {
		return idle.why(op, b.refused(ctx, op, err))
	}
	defer answer.Body.Close()
	if err := readMessages(answer.Body, func(message) { idle.moved() }); err != nil {
		return idle.why(op, b.refused(ctx, op, err))
	}
	return nil
}

// counted tells how much of an archive was read.
type counted struct {
	r          io.Reader
	done, size int64
	said       func(backends.Progress)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if before := c.done; n > 0 {
		c.done += int64(n)
		if c.done>>20 != before>>20 || c.done == c.size { // a word a megabyte
			c.said(backends.Progress{Step: "load", Done: c.done, Total: c.size})
		}
	}
	return n, err
}

// readArchive finds out which image an archive holds.
func readArchive(f io.ReadSeeker) (imagefile.Contents, error) {
	r, _, err := imagefile.Unpacked(f)
	if err != nil {
		return imagefile.Contents{}, err
	}
	return imagefile.Scan(r)
}
