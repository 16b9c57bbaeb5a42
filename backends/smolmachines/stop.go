package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Stop ends the machine: its main process has the stop signal and grace to
// end by itself.
func (b *Backend) Stop(ctx context.Context, ref backends.Ref, grace time.Duration) error {
	op := "stop " + ref.Name
	p, err := b.program(ctx)
	if err != nil {
		return err
	}
	m, err := b.look(ctx, p, ref.Name)
	switch {
	case err != nil:
		return err
	case m == nil:
		return b.fail(ctx, op, b.endUnrecorded(ctx, p, ref.Name))
	case !m.is(ref):
		return fmt.Errorf("%s: machine %s has its name: %w", op, m.id(), backends.ErrNotOurs)
	case b.idle(m):
		return nil
	}
	unlock, err := b.lockToStop(ctx, ref.Name, grace)
	if err != nil {
		return b.fail(ctx, op, err)
	}
	defer unlock()
	if err := b.halt(ctx, p, ref.Name, grace); err != nil {
		return b.fail(ctx, op, err)
	}
	// smolvm says that it stopped, and no process of it is there.
	m.State, m.PID, m.Reason, m.LastExit = "stopped", nil, nil, nil
	b.know(m, b.stamp())
	return nil
}

// endUnrecorded ends what runs on the disks of a machine that smolvm has no
// record of. Under the machine's lock nobody makes one of that name meanwhile.
func (b *Backend) endUnrecorded(ctx context.Context, p program, name string) error {
	if !goodName(name) || len(b.left(name)) == 0 {
		return nil
	}
	unlock, err := b.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	if m, err := b.look(ctx, p, name); m != nil || err != nil {
		return err
	}
	b.endStrays(name)
	return nil
}

// idle says whether nothing of a machine runs: neither by its state nor, after
// a start that was killed, without anybody's knowledge.
func (b *Backend) idle(m *machine) bool {
	return (m.State == "created" || m.State == "stopped" || m.State == "failed") &&
		len(b.left(m.Name)) == 0
}

// hard names the lock that is held by who waits to end a machine hard.
func hard(name string) string { return name + ".hard" }

// lockToStop locks the machine. Who wants to end it hard does not wait for a
// graceful stop that is under way: that one sees it and makes haste.
func (b *Backend) lockToStop(ctx context.Context, name string, grace time.Duration) (unlock func(), err error) {
	if grace > 0 {
		return b.lock(ctx, name)
	}
	if unlock, err = b.tryLock(name); unlock != nil || err != nil {
		return unlock, err
	}
	waiting, err := b.lock(ctx, hard(name))
	if err != nil {
		return nil, err
	}
	defer waiting()
	return b.lock(ctx, name)
}

// haste is a context that ends when somebody waits to end the machine hard.
func (b *Backend) haste(ctx context.Context, name string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for pause(ctx, 5*retryLock) {
			free, err := b.tryLock(hard(name))
			if err != nil {
				return // it cannot be told, so grace runs its course
			}
			if free == nil {
				cancel()
				return
			}
			free()
		}
	}()
	return ctx, cancel
}

// halt ends a machine, gracefully at first, and waits until nothing of it is
// left: smolvm boots none while it sees the last one, which it may have killed
// a moment ago.
func (b *Backend) halt(ctx context.Context, p program, name string, grace time.Duration) error {
	lives := b.lives(name)
	if err := b.haltInTime(ctx, p, name, grace); err != nil {
		return err
	}
	// A start that was killed at its very beginning has left a micro-VM that
	// not even smolvm's stop finds.
	b.endStrays(name)
	for _, l := range lives {
		l.awaitEnd()
	}
	return nil
}

// haltInTime ends it hard as soon as somebody wants that.
func (b *Backend) haltInTime(ctx context.Context, p program, name string, grace time.Duration) error {
	if grace > 0 {
		hasty, cancel := b.haste(ctx, name)
		err := b.halted(hasty, p, name, grace)
		cut := hasty.Err() != nil && ctx.Err() == nil
		cancel()
		if !cut {
			return err
		}
	}
	return b.halted(ctx, p, name, 0)
}

// halted is the one call that ends a machine, a micro-VM that nobody knows of
// included. What counts is what is there afterwards.
func (b *Backend) halted(ctx context.Context, p program, name string, grace time.Duration) error {
	_, err := b.ask(ctx, p, "machine stop", "machine", "stop", "--name", name, "--timeout", seconds(grace))
	var f *failure
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return err
	case f.noMachine():
		return nil
	}
	m, looked := b.look(ctx, p, name)
	if looked == nil && (m == nil || b.idle(m)) {
		return nil
	}
	return err
}

// Remove deletes the machine with its disks: ended first, always, since a
// removal alone does not look for a micro-VM that nobody knows of.
func (b *Backend) Remove(ctx context.Context, ref backends.Ref) error {
	op := "remove " + ref.Name
	p, err := b.program(ctx)
	if err != nil || !goodName(ref.Name) {
		return err
	}
	unlock, err := b.tryLock(ref.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	m, err := b.look(ctx, p, ref.Name)
	if unlock == nil && m != nil && err == nil && m.is(ref) {
		// Somebody is at it: what counts is what there is after him.
		if unlock, err = b.lockToStop(ctx, ref.Name, 0); err != nil {
			return b.fail(ctx, op, err)
		}
		m, err = b.look(ctx, p, ref.Name)
	}
	if unlock != nil {
		defer unlock()
	}
	if m == nil && err == nil && unlock != nil {
		b.endStrays(ref.Name) // see endUnrecorded
	}
	if m == nil || err != nil || !m.is(ref) {
		return err
	}
	if err := b.halt(ctx, p, ref.Name, 0); err != nil {
		return b.fail(ctx, op, err)
	}
	_, err = b.ask(ctx, p, "machine delete", "machine", "delete", "--name", ref.Name, "--force")
	if err != nil {
		if m, looked := b.look(ctx, p, ref.Name); looked != nil || m != nil {
			return b.fail(ctx, op, err)
		}
	}
	return nil
}
