package cli

import "context"

// renameCmd is `rename`.
type renameCmd struct {
	one
	New string `arg:"" help:"The new name."`
}

func (r *renameCmd) run(ctx context.Context, c *call) error {
	b, err := c.bottle(ctx, r.Bottle)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	after, err := m.Rename(ctx, b.ID, r.New)
	if err != nil {
		return err
	}
	c.printBottle(after)
	return nil
}
