package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Exit codes that engines give a main process that could not be executed, as
// shells do.
const (
	codeNoStart       = 125 // for any other reason; the guest program's word
	codeNotExecutable = 126
	codeNotFound      = 127
)

// Start runs the main process. A paused instance is thawed. The engine keeps
// the values of variables, so those given here are not looked at.
func (b *Backend) Start(ctx context.Context, ref backends.Ref, _ []string) error {
	c, ok := b.known(ref)
	if _, holds := heldBy(c); !ok || lives(c) || holds { // what a holder says is of after its last end
		var err error
		if c, err = b.exact(ctx, "start", ref); err != nil {
			return err
		}
	}
	op := "start " + ref.Name
	if lives(c) {
		return b.thaw(ctx, op, c)
	}
	if h, ok := heldBy(c); ok {
		return hide(b.startHeld(ctx, op, ref, c, h), c.Config.Env)
	}
	if err := b.checkCommand(ctx, op, c); err != nil {
		return err
	}
	err := b.launch(ctx, op, ref, c)
	if err == nil {
		return nil
	}
	return hide(b.notStarted(ctx, op, ref, err), c.Config.Env)
}

// launch asks the engine to start a container, with its network as it was.
func (b *Backend) launch(ctx context.Context, op string, ref backends.Ref, c container.InspectResponse) error {
	err := b.api.ContainerStart(ctx, c.ID, container.StartOptions{})
	if !cerrdefs.IsNotFound(err) || string(c.HostConfig.NetworkMode) != bridgeOf(ref.Home).name {
		return err
	}
	switch nerr := b.reconnect(ctx, ref.Home, c.ID); {
	case nerr == nil:
		return b.api.ContainerStart(ctx, c.ID, container.StartOptions{})
	case !cerrdefs.IsNotFound(nerr): // else it is the container that is gone
		return fmt.Errorf("%s: %w", op, nerr)
	}
	return err
}

// thaw lets a container go on that lives.
func (b *Backend) thaw(ctx context.Context, op string, c container.InspectResponse) error {
	if status(c.State.Status) != backends.StatusPaused {
		return nil
	}
	return b.fail(ctx, op, b.api.ContainerUnpause(ctx, c.ID))
}

// notStarted says why a start failed, by what the engine has recorded. nil:
// it runs, since somebody else started it.
func (b *Backend) notStarted(ctx context.Context, op string, ref backends.Ref, cause error) error {
	refusal := b.refused(ctx, op, cause)
	if !errors.Is(refusal, backends.ErrBadRequest) {
		return refusal
	}
	c, err := b.exact(ctx, "start", ref)
	switch {
	case err != nil:
		return err
	case lives(c):
		return b.thaw(ctx, op, c)
	case c.State.ExitCode == codeNotFound:
		return fmt.Errorf("%s: %w: %w", op, backends.ErrCommandNotFound, cause)
	case c.State.ExitCode == codeNotExecutable:
		return fmt.Errorf("%s: %w: %w", op, backends.ErrNotExecutable, cause)
	}
	if kind := b.lookFor(ctx, c.ID, c.Path, c.Config.WorkingDir, c.Config.Env); kind != nil { // Podman keeps no code
		return fmt.Errorf("%s: %w: %w", op, kind, cause)
	}
	return refusal
}

// lives says whether a container has a main process, frozen or ending too.
func lives(c container.InspectResponse) bool {
	s := status(c.State.Status)
	return s == backends.StatusRunning || s == backends.StatusPaused
}

// Stop ends the main process and waits for its end. The engine does the
// waiting and the hard end, so that it is stopped even when we are killed.
func (b *Backend) Stop(ctx context.Context, ref backends.Ref, grace time.Duration) error {
	c, ok := b.known(ref)
	if !ok {
		var err error
		switch c, err = b.exact(ctx, "stop", ref); {
		case errors.Is(err, backends.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !lives(c):
			return nil
		}
	}
	op := "stop " + ref.Name
	var err error
	if grace > 0 {
		seconds := int(math.Ceil(grace.Seconds())) // 0 would be the hard end
		err = b.api.ContainerStop(ctx, c.ID, container.StopOptions{Timeout: &seconds})
	} else {
		err = b.api.ContainerKill(ctx, c.ID, "SIGKILL")
	}
	if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
		// it may have ended meanwhile, which makes the engine's trouble moot
		if now, lerr := b.look(ctx, c.ID); !cerrdefs.IsNotFound(lerr) && (lerr != nil || lives(now)) {
			return b.fail(ctx, op, err)
		}
	}
	if err == nil && grace > 0 && !b.podman.Load() {
		return nil // dockerd answers a stop when it does not run any more
	}
	err = b.ended(ctx, op, c.ID)
	if errors.Is(err, backends.ErrNotFound) {
		return nil
	}
	return err
}

// ended blocks until the container does not run.
func (b *Backend) ended(ctx context.Context, op, id string) error {
	done, failed := b.api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case <-done:
		return nil
	case err := <-failed:
		if cerrdefs.IsNotFound(err) {
			return fmt.Errorf("%s: %w", op, backends.ErrNotFound)
		}
		return b.fail(ctx, op, err)
	}
}

// Wait blocks until the instance does not run and says how it ended.
func (b *Backend) Wait(ctx context.Context, ref backends.Ref) (backends.Observation, error) {
	c, err := b.exact(ctx, "wait for", ref)
	if err == nil {
		err = b.ended(ctx, "wait for "+ref.Name, c.ID)
	}
	switch {
	case err == nil, errors.Is(err, backends.ErrNotFound), errors.Is(err, backends.ErrNotOurs):
		return b.Inspect(ctx, ref)
	case ctx.Err() != nil:
		// the engine told us to wait, and it is not its fault that we stop
		return backends.Observation{}, fmt.Errorf("wait for %s: %w", ref.Name, ctx.Err())
	}
	return backends.Observation{}, err
}

// Remove deletes the container with its anonymous volumes, running or not. A
// stranger under its name, or with its id, is left alone.
func (b *Backend) Remove(ctx context.Context, ref backends.Ref) error {
	c, err := b.exact(ctx, "remove", ref)
	for end := time.Now().Add(raceTime); b.removes(ctx, err) && time.Now().Before(end) && pause(ctx, 50*time.Millisecond); {
		c, err = b.exact(ctx, "remove", ref)
	}
	switch {
	case errors.Is(err, backends.ErrNotFound), errors.Is(err, backends.ErrNotOurs):
		return nil
	case err != nil:
		return err
	}
	if err := b.remove(ctx, "remove "+ref.Name, c); err != nil {
		return err
	}
	b.releaseOld(ctx, c)
	return nil
}

// removes says whether Podman may be removing a container that was asked for:
// it then says neither that it is there nor that it is not.
func (b *Backend) removes(ctx context.Context, err error) bool {
	var down *backends.Unavailable
	return err != nil && b.podman.Load() && ctx.Err() == nil &&
		!errors.Is(err, backends.ErrNotFound) && !errors.Is(err, backends.ErrNotOurs) && !errors.As(err, &down)
}

func (b *Backend) remove(ctx context.Context, op string, c container.InspectResponse) error {
	for tries := 0; ; tries++ {
		err := b.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || cerrdefs.IsNotFound(err) {
			return nil
		}
		// Somebody else may be removing it: Docker then says conflict, Podman
		// anything for a moment. It is gone only when he is done.
		if _, seen := b.look(ctx, c.ID); cerrdefs.IsNotFound(seen) {
			return nil
		}
		if !cerrdefs.IsConflict(err) && (tries == 10 || !b.podman.Load()) {
			return b.fail(ctx, op, err)
		}
		if !pause(ctx, 50*time.Millisecond) {
			return b.fail(ctx, op, ctx.Err())
		}
	}
}
