package cli

import (
	"context"
	"errors"
	"time"
)

// recoverCmd is `recover`.
type recoverCmd struct {
	DryRun bool `help:"Show what would be settled."`
	Watch  bool `help:"Go on settling until interrupted."`
}

// watchEvery is how often --watch looks.
const watchEvery = 5 * time.Second

func (r *recoverCmd) check() error {
	if r.Watch && r.DryRun {
		return usageError("--watch and --dry-run exclude each other")
	}
	return nil
}

func (r *recoverCmd) run(ctx context.Context, c *call) error {
	if log, err := c.reader(ctx); log == nil || err != nil {
		if err == nil && !r.Watch {
			err = c.plan(nil)
		}
		if err != nil || !r.Watch {
			return err
		}
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	for {
		plan, err := m.Recover(ctx, r.DryRun)
		if err != nil {
			return err
		}
		if !r.Watch {
			return c.planned(plan)
		}
		if len(plan) > 0 {
			if err := c.planned(plan); err != nil {
				c.complain(explain(err))
			}
			if err := c.out.release(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrTerminated) {
				return nil
			}
			return context.Cause(ctx)
		case <-time.After(watchEvery):
		}
	}
}
