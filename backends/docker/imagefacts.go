package docker

import (
	"context"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// imageFacts are what an image says of the process that it runs.
type imageFacts struct {
	id      string
	argv    []string // ENTRYPOINT and CMD
	user    string
	workdir string
	home    bool // it sets HOME
	arch    string
}

// factsOf reads an image. One that somebody committed from a bottle's container
// has the guest program for its command: what that one held is meant.
func factsOf(id string, found image.InspectResponse) imageFacts {
	f := imageFacts{id: id, arch: found.Architecture}
	if c := found.Config; c != nil {
		f.argv, f.user, f.workdir = slices.Concat([]string(c.Entrypoint), []string(c.Cmd)), c.User, c.WorkingDir
		f.home = slices.ContainsFunc(c.Env, isHome)
	}
	if program, o, argv, ok := guest.ReadRunArgv(f.argv); ok && program == programPath {
		f.argv, f.user, f.workdir = argv, o.User, orElse(o.Workdir, f.workdir)
	}
	return f
}

// imageFacts asks for them, unless they are those of the image that was looked
// at last: what an id names does not change.
func (b *Backend) imageFacts(ctx context.Context, id string) (imageFacts, error) {
	if last := b.image.Load(); last != nil && last.id == id {
		return *last, nil
	}
	found, err := b.api.ImageInspect(ctx, id)
	if cerrdefs.IsNotFound(err) {
		return imageFacts{}, fmt.Errorf("image %s: %w", id, backends.ErrImageNotFound)
	}
	if err != nil {
		return imageFacts{}, b.refused(ctx, "image "+id, err)
	}
	f := factsOf(id, found)
	b.image.Store(&f)
	return f, nil
}
