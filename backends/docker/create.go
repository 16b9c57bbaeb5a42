package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Create makes the container, stopped. The image is never pulled here.
func (b *Backend) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	inst, err := b.create(ctx, s)
	b.last.note(s.Labels.Nonce, isFinal(err))
	return inst, hide(err, s.Env)
}

func (b *Backend) create(ctx context.Context, s backends.InstanceSpec) (none backends.Instance, err error) {
	op := "create " + s.Name
	if err := checkSpec(s); err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	f, err := b.engine(ctx)
	if err != nil {
		return none, err
	}
	if err := f.bears(s); err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	if s.Network == networkFull {
		if err := b.ensureNetwork(ctx, s.Labels.Home, s.Resource); err != nil {
			return none, fmt.Errorf("%s: %w", op, err)
		}
	}
	cfg, host := b.settings(s, f)
	session := sessionEngine
	if !isChecks(s.Labels) {
		h, program, err := b.prepare(ctx, s, f)
		switch {
		case errors.Is(err, backends.ErrImageNotFound):
			// A container that was made before goes on without its image.
			return b.madeBefore(ctx, s, f, err)
		case err != nil:
			return none, fmt.Errorf("%s: %w", op, err)
		default:
			h.settle(cfg, host, program)
			session = h.session
		}
	}
	c, err := b.make(ctx, s, cfg, host)
	if err != nil {
		return none, err
	}
	inst := made(s, f, c)
	if c.Config == nil { // just now, and the engine has given no more than its id
		inst.Session = session
	}
	return inst, nil
}

// made is a container as an instance.
func made(s backends.InstanceSpec, f *engineFacts, c container.InspectResponse) backends.Instance {
	return backends.Instance{ID: c.ID, Runtime: orElse(s.Runtime, f.runtime), EngineID: f.engine.ID, Version: f.engine.Version, Session: sessionOf(c)}
}

// madeBefore is the container of a creation that cannot be done again, if it
// was done.
func (b *Backend) madeBefore(ctx context.Context, s backends.InstanceSpec, f *engineFacts, cause error) (backends.Instance, error) {
	c, err := b.named(ctx, s.Name)
	switch {
	case cerrdefs.IsNotFound(err):
		return backends.Instance{}, fmt.Errorf("create %s: %w", s.Name, cause)
	case err != nil:
		return backends.Instance{}, b.fail(ctx, "create "+s.Name, err)
	case backends.LabelsOf(c.Config.Labels) != s.Labels:
		return backends.Instance{}, nameTaken(s, c)
	}
	return made(s, f, c), nil
}

func nameTaken(s backends.InstanceSpec, c container.InspectResponse) error {
	return fmt.Errorf("create %s: container %.12s has its name: %w", s.Name, c.ID, backends.ErrNotOurs)
}

// prepare finds out what the container is to hold, and brings the program that
// holds it into the engine.
func (b *Backend) prepare(ctx context.Context, s backends.InstanceSpec, f *engineFacts) (h held, v programVolume, err error) {
	img, err := b.imageFacts(ctx, s.Image.ID)
	if err != nil {
		return h, v, err
	}
	if h, err = hold(s, img); err != nil {
		return h, v, err
	}
	v, err = b.ensureProgram(ctx, s, f.archFor(img))
	return h, v, err
}

// make makes the container, or finds that it was made already and leaves it
// as it is.
func (b *Backend) make(ctx context.Context, s backends.InstanceSpec, cfg *container.Config, host *container.HostConfig) (c container.InspectResponse, err error) {
	op := "create " + s.Name
	end := time.Now().Add(raceTime)
	for tries := 0; ; tries++ {
		made, err := b.api.ContainerCreate(ctx, cfg, host, nil, nil, s.Name)
		if err == nil {
			return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{ID: made.ID}}, nil
		}
		failed := b.refused(ctx, op, err)
		if !errors.Is(failed, backends.ErrBadRequest) {
			return c, failed
		}
		// Docker answers "conflict" to a name that is taken, Podman anything,
		// and for a moment anything to who looks.
		again := b.podman.Load() && tries < 5
		there, seen := b.named(ctx, s.Name)
		switch {
		case seen == nil && backends.LabelsOf(there.Config.Labels) == s.Labels:
			return there, nil
		case seen == nil:
			return c, nameTaken(s, there)
		case !cerrdefs.IsNotFound(seen) && !again:
			return c, b.fail(ctx, op, seen)
		case cerrdefs.IsNotFound(err):
			return c, b.noImage(ctx, op, s, err)
		}
		// A name is taken from before its container is shown until after it
		// is removed.
		if !cerrdefs.IsConflict(err) && !again || time.Now().After(end) {
			return c, failed
		}
		if !pause(ctx, 50*time.Millisecond) {
			return c, b.fail(ctx, op, ctx.Err())
		}
	}
}

// noImage tells a missing image from something else that is missing.
func (b *Backend) noImage(ctx context.Context, op string, s backends.InstanceSpec, err error) error {
	if _, ierr := b.api.ImageInspect(ctx, s.Image.ID); cerrdefs.IsNotFound(ierr) {
		return fmt.Errorf("%s: %w: %w", op, backends.ErrImageNotFound, err)
	}
	return b.refused(ctx, op, err)
}
