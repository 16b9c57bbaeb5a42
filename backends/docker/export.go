package docker

import (
	"context"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var _ backends.ImageExporter = (*Backend)(nil)

// ExportImage writes an image that the engine has, as docker save does. There
// is no limit on all of it, only on silence.
func (b *Backend) ExportImage(ctx context.Context, id string, w io.Writer) error {
	if err := b.connect(ctx); err != nil {
		return err
	}
	op := "save image " + id
	saving, idle := b.withIdle(ctx)
	defer idle.stop()
	// a missing image is a failure without a type when it is to be saved
	if _, err := b.api.ImageInspect(saving, id); cerrdefs.IsNotFound(err) {
		return fmt.Errorf("%s: %w: the engine does not have it", op, backends.ErrImageNotFound)
	}
	archive, err := b.api.ImageSave(saving, []string{id})
	if err != nil {
		return idle.why(op, b.fail(saving, op, err))
	}
	defer archive.Close()
	to := &watched{w: w, moved: idle.moved}
	_, err = io.Copy(to, archive)
	if to.err != nil { // who reads it has his own reasons
		return fmt.Errorf("%s: %w", op, to.err)
	}
	if err != nil {
		return idle.why(op, b.fail(saving, op, err))
	}
	return nil
}

// watched tells that something was written, and keeps the error of the
// writer apart from those of the engine.
type watched struct {
	w     io.Writer
	moved func()
	err   error
}

func (t *watched) Write(p []byte) (n int, err error) {
	t.moved()
	n, t.err = t.w.Write(p)
	return n, t.err
}
