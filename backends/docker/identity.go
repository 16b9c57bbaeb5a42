package docker

import (
	"context"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// exact finds the very container that ref names: by its id, which no rename
// changes, then by its labels. Another one under its name is
// [backends.ErrNotOurs], none at all [backends.ErrNotFound].
func (b *Backend) exact(ctx context.Context, op string, ref backends.Ref) (container.InspectResponse, error) {
	c, err := b.identify(ctx, op, ref)
	if err == nil {
		b.seen.Store(&c)
	}
	return c, err
}

// known is the container that ref names by its id, if it is the last one that
// [Backend.exact] found. An id and its labels are for ever, so it is the right
// one; its state is that of then.
func (b *Backend) known(ref backends.Ref) (container.InspectResponse, bool) {
	c := b.seen.Load()
	if c == nil || c.ID != ref.ID || !accepts(ref, c) {
		return container.InspectResponse{}, false
	}
	return *c, true
}

// accepts says whether the container of the id in ref may be the one meant.
func accepts(ref backends.Ref, c *container.InspectResponse) bool {
	return ref.Foreign || backends.LabelsOf(c.Config.Labels) == ref.Labels
}

func (b *Backend) identify(ctx context.Context, op string, ref backends.Ref) (container.InspectResponse, error) {
	op = op + " " + ref.Name
	if ref.ID != "" {
		c, err := b.look(ctx, ref.ID)
		switch {
		case err != nil && !cerrdefs.IsNotFound(err):
			return c, b.fail(ctx, op, err)
		case err == nil && c.ID == ref.ID: // an id is also looked up as a name and as the start of an id
			if accepts(ref, &c) {
				return c, nil
			}
			return c, fmt.Errorf("%s: the container with its id has other labels: %w", op, backends.ErrNotOurs)
		}
	}
	c, err := b.named(ctx, ref.Name)
	switch {
	case cerrdefs.IsNotFound(err):
		return c, fmt.Errorf("%s: %w", op, backends.ErrNotFound)
	case err != nil:
		return c, b.fail(ctx, op, err)
	case (ref.ID == "" || c.ID == ref.ID) && !ref.Foreign && backends.LabelsOf(c.Config.Labels) == ref.Labels:
		return c, nil // the caller never learned the id, or it appeared just now
	}
	return c, fmt.Errorf("%s: container %.12s has its name: %w", op, c.ID, backends.ErrNotOurs)
}

// look inspects a container by id or name. The word becomes part of a path of
// the API, so a word that can be neither does not get there.
func (b *Backend) look(ctx context.Context, key string) (container.InspectResponse, error) {
	if !isName(key) {
		return container.InspectResponse{}, fmt.Errorf("container %q: %w", key, cerrdefs.ErrNotFound)
	}
	if err := b.connect(ctx); err != nil {
		return container.InspectResponse{}, err
	}
	c, err := b.api.ContainerInspect(ctx, key)
	if err == nil && (c.ContainerJSONBase == nil || c.State == nil || c.Config == nil || c.HostConfig == nil) {
		err = b.unavailable("the engine's answer is not the description of a container", b.hintRubbish(), nil)
	}
	return c, err
}

// named inspects the container that has exactly this name.
func (b *Backend) named(ctx context.Context, name string) (container.InspectResponse, error) {
	c, err := b.look(ctx, name)
	if err == nil && strings.TrimPrefix(c.Name, "/") != name {
		err = fmt.Errorf("container %s: %w", name, cerrdefs.ErrNotFound) // its id begins like the name
	}
	return c, err
}

// isName says whether a word can name an object of the engine: its rule is
// [a-zA-Z0-9][a-zA-Z0-9_.-]+, and ids fit it.
func isName(s string) bool {
	for i, r := range []byte(s) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case i > 0 && (r == '_' || r == '.' || r == '-'):
		default:
			return false
		}
	}
	return len(s) > 1
}
