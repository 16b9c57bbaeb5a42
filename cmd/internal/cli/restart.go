package cli

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// restartCmd is `restart`. With --all or --label it means the bottles that
// run: the others were stopped by somebody.
type restartCmd struct {
	many
	ending
}

func (r *restartCmd) run(ctx context.Context, c *call) error {
	conf, err := c.config()
	if err != nil {
		return err
	}
	targets, err := r.pick(ctx, c, false, []string{string(projections.Running)})
	if err != nil {
		return err
	}
	return c.onEach(ctx, len(r.Bottles), targets, conf, func(m *lifecycle.Manager, id string) error {
		return m.Restart(ctx, id, r.request())
	})
}
