package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"

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
	inst := backends.Instance{Runtime: orElse(s.Runtime, f.runtime), EngineID: f.engine.ID, Version: f.engine.Version}
	home := wantsHome(s)
	id, made, err := b.make(ctx, s, f, home)
	inst.ID = id
	if err != nil || !home || !made {
		return inst, err
	}
	// Only a made container can be asked whether the image knows its user.
	// Most often it does not, and then this one is right already.
	knows, err := b.imageKnowsUser(ctx, inst.ID, s.User)
	if err != nil || !knows {
		return inst, err
	}
	if err := b.Remove(ctx, backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}); err != nil {
		return none, err
	}
	inst.ID, _, err = b.make(ctx, s, f, false)
	return inst, err
}

// wantsHome says whether the user may be one without a home: a number, with
// nothing said in the environment. A user by name has an entry in the image,
// or the engine refuses him.
func wantsHome(s backends.InstanceSpec) bool {
	user, _, _ := strings.Cut(s.User, ":")
	number := user != "" && strings.Trim(user, "0123456789") == ""
	return s.Home != "" && number && !slices.ContainsFunc(s.Env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") })
}

// make makes the container, or finds that it was made already and leaves it
// as it is.
func (b *Backend) make(ctx context.Context, s backends.InstanceSpec, f *engineFacts, home bool) (id string, fresh bool, err error) {
	op := "create " + s.Name
	cfg, host := b.settings(s, f, home)
	end := time.Now().Add(raceTime)
	for tries := 0; ; tries++ {
		made, err := b.api.ContainerCreate(ctx, cfg, host, nil, nil, s.Name)
		if err == nil {
			return made.ID, true, nil
		}
		failed := b.refused(ctx, op, err)
		if !errors.Is(failed, backends.ErrBadRequest) {
			return "", false, failed
		}
		// Docker answers "conflict" to a name that is taken, Podman anything,
		// and for a moment anything to who looks.
		again := b.podman.Load() && tries < 5
		c, seen := b.named(ctx, s.Name)
		switch {
		case seen == nil && backends.LabelsOf(c.Config.Labels) == s.Labels:
			return c.ID, false, nil
		case seen == nil:
			return "", false, fmt.Errorf("%s: container %.12s has its name: %w", op, c.ID, backends.ErrNotOurs)
		case !cerrdefs.IsNotFound(seen) && !again:
			return "", false, b.fail(ctx, op, seen)
		case cerrdefs.IsNotFound(err):
			return "", false, b.noImage(ctx, op, s, err)
		}
		// A name is taken from before its container is shown until after it
		// is removed.
		if !cerrdefs.IsConflict(err) && !again || time.Now().After(end) {
			return "", false, failed
		}
		if !pause(ctx, 50*time.Millisecond) {
			return "", false, b.fail(ctx, op, ctx.Err())
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

// imageKnowsUser says whether a container's user has an entry in its image's
// /etc/passwd, and so a home of his own.
func (b *Backend) imageKnowsUser(ctx context.Context, id, who string) (bool, error) {
	text, err := b.smallFile(ctx, id, "/etc/passwd")
	if errors.Is(err, backends.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return inPasswd(text, who), nil
}

// inPasswd looks a numeric user up in the text of a passwd(5) file.
func inPasswd(text, who string) bool {
	who, _, _ = strings.Cut(who, ":")
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) >= 6 && fields[2] == who && fields[5] != "" {
			return true
		}
	}
	return false
}
