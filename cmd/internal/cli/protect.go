package cli

import "context"

// protectCmd is `protect` and `unprotect`.
type protectCmd struct {
	one
	on bool
}

func (p *protectCmd) run(ctx context.Context, c *call) error {
	b, err := c.bottle(ctx, p.Bottle)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	after, err := m.Protect(ctx, b.ID, p.on)
	if err != nil {
		return err
	}
	c.printBottle(after)
	return nil
}
