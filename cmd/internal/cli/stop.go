package cli

import (
	"context"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// stopCmd is `stop`.
type stopCmd struct {
	many
	ending
}

// ending says how an agent is ended.
type ending struct {
	Grace span `default:"10s" placeholder:"D" help:"How long the agent may take to end by itself (10s)."`
	Kill  bool `help:"End it at once."`
}

func (e ending) request() lifecycle.StopRequest {
	return lifecycle.StopRequest{Grace: time.Duration(e.Grace), Kill: e.Kill}
}

func (s *stopCmd) run(ctx context.Context, c *call) error {
	targets, err := s.pick(ctx, c, false, nil)
	if err != nil {
		return err
	}
	return c.onEach(ctx, len(s.Bottles), targets, nil, func(m *lifecycle.Manager, id string) error {
		return m.Stop(ctx, id, s.request())
	})
}

// onEach is each with a manager, which is opened only when there is a bottle
// to act on.
func (c *call) onEach(ctx context.Context, named int, targets []target, conf *config, act func(*lifecycle.Manager, string) error) error {
	var m *lifecycle.Manager
	for _, t := range targets {
		if t.err == nil {
			var err error
			if m, err = c.manager(ctx, conf); err != nil {
				return err
			}
			break
		}
	}
	return c.each(ctx, named, targets, func(id string) error { return act(m, id) })
}
