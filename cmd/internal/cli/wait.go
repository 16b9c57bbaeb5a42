package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// waitCmd is `wait`.
type waitCmd struct {
	Bottles []string `arg:"" name:"bottle" sep:"none" help:"Slugs, ids, or prefixes that fit one bottle each."`
	For     string   `default:"stopped" placeholder:"STATE" help:"running, stopped, removed, or attention: the agent rang, notified or exited."`
	Timeout span     `placeholder:"D" help:"Longest wait; none unless given."`
}

var awaited = []string{"running", "stopped", "removed", lifecycle.Attention}

// errWaited is the cause of a wait that took too long.
var errWaited = errors.New("timeout")

func (w *waitCmd) check() error { return oneOf("--for", w.For, awaited) }

func (w *waitCmd) run(ctx context.Context, c *call) error {
	pick := many{Bottles: w.Bottles}
	targets, err := pick.pick(ctx, c, false, nil)
	if err != nil {
		return err
	}
	if w.Timeout > 0 {
		late := &problem{Code: codeTimeout, Err: errWaited,
			Message: fmt.Sprintf("not %s within %s", w.For, time.Duration(w.Timeout))}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(w.Timeout), late)
		defer cancel()
	}
	conf, err := c.config()
	if err != nil {
		return err
	}
	return c.onEach(ctx, len(w.Bottles), targets, nil, func(m *lifecycle.Manager, id string) error {
		var err error
		if w.For == lifecycle.Attention {
			var b projections.Bottle
			var a lifecycle.Activity
			if b, a, err = m.WaitAttention(ctx, id); err == nil {
				c.onAttention(ctx, conf, b, &a)
			}
		} else {
			err = m.Wait(ctx, id, w.For)
		}
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	})
}
