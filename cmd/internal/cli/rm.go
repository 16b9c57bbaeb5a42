package cli

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// rmCmd is `rm`. It takes whole names and ids only: a prefix may fit another
// bottle tomorrow.
type rmCmd struct {
	many
	Force  bool `short:"f" help:"Remove a running bottle too."`
	Forget bool `help:"Do not ask the engine, which is gone for good; what it may still hold is listed."`
}

func (r *rmCmd) run(ctx context.Context, c *call) error {
	targets, err := r.pick(ctx, c, true, nil)
	if err != nil {
		return err
	}
	return c.onEach(ctx, len(r.Bottles), targets, nil, func(m *lifecycle.Manager, id string) error {
		return m.Remove(ctx, id, lifecycle.RemoveRequest{
			Force: r.Force, Forget: r.Forget,
			Confirm: func(holds string) (bool, error) {
				return c.ask(ctx, fmt.Sprintf("The clone holds %s. Remove it?", holds))
			},
		})
	})
}
