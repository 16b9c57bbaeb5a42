package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// findImage asks a backend for an image. Where it has none and can be given
// one, the engines of the other kinds are asked before a registry is: what
// only they know was built or loaded on this machine, and a word for an image
// must not mean something else by the choice of backend alone.
func (m *Manager) findImage(ctx context.Context, be backends.Backend, kind, ref string, pull backends.Pull, say func(backends.Progress)) (backends.Image, error) {
	to, able := be.(backends.ImageImporter)
	if !able || pull == backends.PullAlways || backends.IsImagePath(ref) {
		return be.ResolveImage(ctx, ref, pull, say)
	}
	img, err := be.ResolveImage(ctx, ref, backends.PullNever, say)
	if err == nil || !errors.Is(err, backends.ErrImageNotFound) {
		return img, err
	}
	var tried []string
	for _, other := range m.Backends.Names() {
		if other == kind {
			continue
		}
		found, why, err := m.handOver(ctx, be, to, other, ref, say)
		if err != nil {
			return backends.Image{}, err
		}
		if found.ID != "" {
			return found, nil
		}
		if why != "" {
			tried = append(tried, why)
		}
	}
	if pull != backends.PullNever {
		img, err = be.ResolveImage(ctx, ref, pull, say)
	}
	if err != nil && len(tried) > 0 && ctx.Err() == nil {
		err = fmt.Errorf("%w (asked before: %s)", err, strings.Join(tried, "; "))
	}
	return img, err
}

// handOver asks the usual engine of another kind for an image and gives what
// it has to the backend, unless that has the same content already. An engine
// that has none or does not answer is no error: why says so.
func (m *Manager) handOver(ctx context.Context, be backends.Backend, to backends.ImageImporter, kind, ref string, say func(backends.Progress)) (img backends.Image, why string, err error) {
	k, err := m.Backends.Kind(kind)
	if err != nil {
		return img, "", err
	}
	endpoint, err := k.Resolve("", m.getenv)
	if err != nil {
		return img, fmt.Sprintf("%s: %v", kind, err), nil
	}
	other, err := m.Backends.Open(kind, endpoint)
	if err != nil {
		return img, fmt.Sprintf("%s: %v", kind, err), nil
	}
	defer other.Close()
	from, able := other.(backends.ImageExporter)
	if !able {
		return img, "", nil
	}
	m.At("image:ask")
	q, cancel := m.bounded(ctx)
	want, err := other.ResolveImage(q, ref, backends.PullNever, func(backends.Progress) {})
	cancel()
	switch {
	case ctx.Err() != nil:
		return img, "", ctx.Err()
	case errors.Is(err, backends.ErrImageNotFound):
		return img, fmt.Sprintf("%s at %s does not have it", kind, endpoint), nil
	case errors.Is(err, context.DeadlineExceeded):
		return img, fmt.Sprintf("%s at %s did not answer within %s", kind, endpoint, m.EngineTimeout), nil
	case err != nil:
		return img, err.Error(), nil
	}
	if img, err = be.ResolveImage(ctx, want.ID, backends.PullNever, say); err == nil {
		img.Digest = orElse(img.Digest, want.Digest)
		return img, "", nil
	}
	if !errors.Is(err, backends.ErrImageNotFound) {
		return img, "", err
	}
	m.At("image:import")
	if img, err = transfer(ctx, from, to, want, kind, say); err != nil {
		return img, "", fmt.Errorf("%s at %s has it, but it could not be handed over: %w", kind, endpoint, err)
	}
	return img, "", nil
}

// transfer moves an image from one backend into another.
func transfer(ctx context.Context, from backends.ImageExporter, to backends.ImageImporter, want backends.Image, kind string, say func(backends.Progress)) (backends.Image, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	exported := make(chan error, 1)
	go func() {
		err := from.ExportImage(ctx, want.ID, w)
		w.CloseWithError(err) // nil is the end
		exported <- err
	}()
	detail := "handed over by " + kind
	say(backends.Progress{Step: "import", Detail: detail})
	img, err := to.ImportImage(ctx, want, &telling{r: r, say: func(n int64) {
		say(backends.Progress{Step: "import", Detail: detail, Done: n})
	}})
	// The importer may stop early: then nobody reads any more.
	r.CloseWithError(errStopped)
	if err != nil {
		cancel()
	}
	if xerr := <-exported; err == nil && xerr != nil && !errors.Is(xerr, errStopped) {
		err = xerr
	}
	return img, err
}

var errStopped = errors.New("the image was taken")

// telling is a reader that tells what was read, once a megabyte.
type telling struct {
	r   io.Reader
	n   int64
	say func(int64)
}

func (t *telling) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if before := t.n; n > 0 {
		if t.n += int64(n); t.n>>20 != before>>20 {
			t.say(t.n)
		}
	}
	return n, err
}
