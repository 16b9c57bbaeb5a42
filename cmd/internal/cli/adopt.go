package cli

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// adoptCmd is `adopt`.
type adoptCmd struct {
	Instance string `arg:"" help:"Name or id of the instance in the engine."`
	Backend  string `required:"" placeholder:"NAME" help:"The backend that holds it."`
	Endpoint string `placeholder:"E" help:"Which engine of that kind."`
	FromHome string `placeholder:"ID" help:"Take it from the home with this id."`
	Name     string `placeholder:"SLUG" help:"Name of the bottle; one is made up otherwise."`
}

func (a *adoptCmd) run(ctx context.Context, c *call) error {
	if err := oneOf("--backend", a.Backend, c.env.Backends.Names()); err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	b, err := m.Adopt(ctx, lifecycle.AdoptRequest{
		Instance: a.Instance, Backend: a.Backend, Endpoint: a.Endpoint, FromHome: a.FromHome, Name: a.Name})
	if err != nil {
		return err
	}
	c.printBottle(b)
	return nil
}
