package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

var _ backends.DeepProber = (*Backend)(nil)

// DeepProbe loads an image of one program of less than 200 bytes, which ends
// with a code of its own, and runs a container of it. Nothing is pulled and
// nothing of the user's is used; image and container are removed.
func (b *Backend) DeepProbe(ctx context.Context, name string, l backends.Labels, say func(backends.Progress)) (err error) {
	f, err := b.engine(ctx)
	if err != nil {
		return err
	}
	archive, err := checkArchive(f.arch, l)
	if err != nil {
		return err
	}
	const op = "load the image of the check"
	say(backends.Progress{Step: "load", Detail: "loading an image of a few bytes"})
	img, err := b.loadFrom(ctx, op, archive, archive.Size(), func(backends.Progress) {})
	if err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), raceTime)
		defer cancel()
		if gone := b.Release(clean, l.Home, backends.Leftover{Kind: backends.LeftoverImage, Ref: strings.TrimPrefix(img.ID, imageref.IDPrefix)}); gone != nil {
			err = errors.Join(err, fmt.Errorf("remove the image of the check: %w", gone))
		}
	}()
	o, err := backends.RunThrowaway(ctx, b, backends.InstanceSpec{
		Name: name, Slug: backends.Throwaway, Labels: l, Image: img, Network: networkNone, Pids: 64,
		Resource: func(backends.Leftover) error { return nil },
	}, say)
	switch {
	case err != nil:
		return err
	case o.ExitCode == nil || *o.ExitCode != checkCode:
		return fmt.Errorf("the container ran and did not end with %d: %s", checkCode, howEnded(o))
	}
	return nil
}

func howEnded(o backends.Observation) string {
	if o.ExitCode == nil {
		return fmt.Sprintf("it is %s", o.Status)
	}
	return strings.TrimSpace(fmt.Sprintf("it ended with %d %s", *o.ExitCode, o.Detail))
}

// checkImages lists the images that checks of the home left behind. Both
// labels are asked for: an image that somebody commits from a bottle's
// container inherits the home's.
func (b *Backend) checkImages(ctx context.Context, home string) (out []backends.Leftover, err error) {
	by := filters.NewArgs(label(backends.LabelHome, home), label(backends.LabelKind, backends.Throwaway))
	found, err := b.api.ImageList(ctx, image.ListOptions{Filters: by})
	if err != nil {
		return nil, b.fail(ctx, "list images of checks", err)
	}
	for _, i := range found {
		if i.Labels[backends.LabelHome] != home || i.Labels[backends.LabelKind] != backends.Throwaway {
			continue // Podman gives what has either label
		}
		out = append(out, backends.Leftover{Kind: backends.LeftoverImage, Ref: strings.TrimPrefix(i.ID, imageref.IDPrefix)})
	}
	return out, nil
}

// releaseImage removes an image that a check of the home made.
func (b *Backend) releaseImage(ctx context.Context, op, home, id string) error {
	found, err := b.api.ImageInspect(ctx, id)
	switch {
	case cerrdefs.IsNotFound(err):
		return nil
	case err != nil:
		return b.fail(ctx, op, err)
	case home == "" || found.Config == nil || found.Config.Labels[backends.LabelHome] != home || found.Config.Labels[backends.LabelKind] != backends.Throwaway:
		return fmt.Errorf("%s: %w", op, backends.ErrNotOurs)
	}
	_, err = b.api.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true})
	switch {
	case cerrdefs.IsNotFound(err):
		return nil
	case cerrdefs.IsConflict(err):
		return fmt.Errorf("%s: %w: %w", op, backends.ErrInUse, err)
	}
	return b.fail(ctx, op, err)
}
