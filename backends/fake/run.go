package fake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

func (b *backend) Start(ctx context.Context, ref backends.Ref, env []string) error {
	return b.around(ctx, "start", ref.Name, func() error {
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		if !r.Machine {
			env = nil // the record has them
		}
		return b.start(ctx, r.ID, env, func() error { return b.at(ctx, "start:launched", ref.Name) })
	})
}

// start runs the main process, unless it runs. launched is called when it is
// on its way. env is what the record does not keep.
func (e *Engine) start(ctx context.Context, id string, env []string, launched func() error) error {
	unlock, r, err := e.hold(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if runs, err := e.runs(id); err != nil || runs {
		return err
	}
	bin, err := e.tools(ctx)
	if err != nil {
		return err
	}
	r.Run++
	r.Started = time.Now()
	if err := e.save(r); err != nil {
		return err
	}
	if r.Machine {
		if err := os.WriteFile(e.instance(id, "powered"), nil, 0o600); err != nil {
			return err
		}
	}
	return e.launch(ctx, r, bin, env, launched)
}

// hold takes an instance for a start or a removal.
func (e *Engine) hold(ctx context.Context, id string) (unlock func(), r *record, err error) {
	unlock, err = lock(ctx, e.instance(id, "op.lock"))
	if err == nil {
		if r, err = e.load(id); err == nil && r == nil {
			err = fs.ErrNotExist
		}
		if err == nil {
			return unlock, r, nil
		}
		unlock()
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = backends.ErrNotFound // removed meanwhile
	}
	return nil, nil, err
}

func (b *backend) Stop(ctx context.Context, ref backends.Ref, grace time.Duration) error {
	return b.around(ctx, "stop", ref.Name, func() error {
		r, err := b.must(ref)
		if errors.Is(err, backends.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if grace > 0 {
			if err := b.tell(ctx, r.ID, request{Op: opTerminate}); err != nil {
				return err
			}
			if err := b.at(ctx, "stop:signalled", ref.Name); err != nil {
				return err
			}
			patience, cancel := context.WithTimeout(ctx, grace)
			err := b.ended(patience, r.ID)
			cancel()
			if err == nil {
				return b.powerOff(r.ID)
			}
			if ctx.Err() != nil {
				return err
			}
		}
		return b.kill(ctx, r.ID)
	})
}

// kill ends an instance hard and waits for the end.
func (e *Engine) kill(ctx context.Context, id string) error {
	if err := e.tell(ctx, id, request{Op: opKill}); err != nil {
		return err
	}
	if err := e.ended(ctx, id); err != nil {
		return err
	}
	return e.powerOff(id)
}

// powerOff frees the machine of an instance whose main process has ended.
func (e *Engine) powerOff(id string) error {
	if err := os.Remove(e.instance(id, "powered")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (b *backend) Remove(ctx context.Context, ref backends.Ref) error {
	return b.around(ctx, "remove", ref.Name, func() error {
		r, status, err := b.look(ref)
		if err != nil || status != "" {
			return err // gone: nil
		}
		return b.remove(ctx, r.ID, func() error { return b.at(ctx, "remove:ended", ref.Name) })
	})
}

// remove ends an instance and deletes it. Its folder leaves in one step, so
// that what is left of a removal that was cut off is in nobody's way.
func (e *Engine) remove(ctx context.Context, id string, ended func() error) error {
	unlock, _, err := e.hold(ctx, id)
	if errors.Is(err, backends.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.kill(ctx, id); err != nil {
		return err
	}
	if err := ended(); err != nil {
		return err
	}
	trash := e.path("instances", "old-"+id)
	if err := os.Rename(e.instance(id), trash); err != nil {
		return fmt.Errorf("remove %s: %w", id, err)
	}
	return os.RemoveAll(trash)
}

// Session finds no holder: the fake keeps main processes by itself.
func (b *backend) Session(ctx context.Context, ref backends.Ref, _ func(io.ReadWriteCloser) error) error {
	return b.around(ctx, "session", ref.Name, func() error {
		switch o, err := b.observe(ref); {
		case err != nil:
			return err
		case o.Status != backends.StatusRunning:
			return fmt.Errorf("%s: %w", ref.Name, backends.ErrNotRunning)
		}
		return fmt.Errorf("%s: a session: %w", ref.Name, backends.ErrUnsupported)
	})
}

func (b *backend) Wait(ctx context.Context, ref backends.Ref) (o backends.Observation, err error) {
	err = b.around(ctx, "wait", ref.Name, func() error {
		for {
			if o, err = b.observe(ref); err != nil {
				return err
			}
			switch o.Status {
			case backends.StatusRunning, backends.StatusPaused:
			default:
				return nil
			}
			if err := b.ended(ctx, o.ID); err != nil {
				return err
			}
		}
	})
	return o, err
}
