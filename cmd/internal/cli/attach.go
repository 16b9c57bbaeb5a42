package cli

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// attachCmd is `attach`.
type attachCmd struct {
	one
	ReadOnly   bool   `help:"Watch only: nothing typed gets through."`
	DetachKeys string `placeholder:"KEYS" help:"Keys that leave the agent running, as in ctrl-p,ctrl-q."`
}

func (a *attachCmd) endsWithGuest() {}

func (a *attachCmd) check() error { return checkDetachKeys(a.DetachKeys) }

func (a *attachCmd) run(ctx context.Context, c *call) error {
	conf, err := c.config()
	if err != nil {
		return err
	}
	keys := orElse(a.DetachKeys, c.detachKeys(conf))
	if err := checkDetachKeys(keys); err != nil {
		return err
	}
	b, err := c.bottle(ctx, a.Bottle)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, conf)
	if err != nil {
		return err
	}
	out, err := c.foreground(b.Spec.TTY, a.ReadOnly, keys, func(fg *lifecycle.Foreground) (lifecycle.Outcome, error) {
		return m.Attach(ctx, b.ID, *fg)
	})
	return c.began(out, err, false)
}
