package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var _ backends.DeepProber = (*Backend)(nil)

// cleaning bounds the removal of a check's machine when the time of the check
// itself is over.
const cleaning = 30 * time.Second

// DeepProbe boots a bare machine, which needs no image, runs a command in it
// and removes it. That /dev/kvm is there and open proves nothing: there are
// hosts whose guests die on ordinary instructions.
func (b *Backend) DeepProbe(ctx context.Context, name string, l backends.Labels, say func(backends.Progress)) (err error) {
	p, err := b.program(ctx)
	if err != nil {
		return err
	}
	defer func() {
		say(backends.Progress{Step: "remove", Detail: "removing " + name})
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
		defer cancel()
		if gone := b.Remove(clean, backends.Ref{Name: name, ID: l.Nonce, Labels: l}); gone != nil {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", name, gone))
		}
	}()
	say(backends.Progress{Step: "create", Detail: "making " + name})
	if err := b.bare(ctx, p, name, l); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	say(backends.Progress{Step: "start", Detail: "booting " + name})
	if err := b.bootBare(ctx, p, name); err != nil {
		var down *backends.Unavailable
		if errors.As(err, &down) && down.Hint == hintBoots {
			down.Hint = hintNested // this is the check that it speaks of
		}
		return fmt.Errorf("start: %w", err)
	}
	say(backends.Progress{Step: "wait", Detail: "running a command in it"})
	if _, err := b.ask(ctx, p, "machine exec", "machine", "exec", "--name", name, "--", "true"); err != nil {
		return fmt.Errorf("run a command: %w", b.fail(ctx, "exec in "+name, err))
	}
	return nil
}

// bare makes the smallest machine that there is.
func (b *Backend) bare(ctx context.Context, p program, name string, l backends.Labels) error {
	unlock, err := b.lock(ctx, name)
	if err != nil {
		return b.fail(ctx, "create "+name, err)
	}
	defer unlock()
	args := []string{"machine", "create", "--name", name, "--cpus", "1", "--mem", "256", "--storage", "1", "--overlay", "1"}
	for label, value := range l.Pairs("") {
		args = append(args, "--label", label+"="+value)
	}
	if err := b.shut(); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	_, err = b.ask(ctx, p, "machine create", args...)
	return b.fail(ctx, "create "+name, err)
}

// bootBare boots a machine without a main process of ours, once more when its
// guest never answered.
func (b *Backend) bootBare(ctx context.Context, p program, name string) error {
	unlock, err := b.lock(ctx, name)
	if err != nil {
		return b.fail(ctx, "start "+name, err)
	}
	defer unlock()
	for try := 1; ; try++ {
		err := b.launch(ctx, p, name, nil)
		if err == nil {
			return nil
		}
		ended := b.clear(ctx, p, name)
		if try == bootTries || ended != nil || ctx.Err() != nil || silent(err) == nil {
			return errors.Join(b.bootFailed(ctx, name, err), ended)
		}
	}
}
