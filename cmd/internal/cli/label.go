package cli

import (
	"context"
	"fmt"
	"strings"
)

// labelCmd is `label`.
type labelCmd struct {
	one
	Changes []string `arg:"" name:"k=v|k-" sep:"none" help:"k=v sets a label, k- unsets it."`
}

func (l *labelCmd) run(ctx context.Context, c *call) error {
	set, unset := map[string]string{}, []string(nil)
	for _, ch := range l.Changes {
		switch k, v, eq := strings.Cut(ch, "="); {
		case eq:
			set[k] = v
		case strings.HasSuffix(ch, "-") && len(ch) > 1:
			unset = append(unset, strings.TrimSuffix(ch, "-"))
		default:
			return usageError(fmt.Sprintf("label: %s is neither k=v nor k-", clip(ch)))
		}
	}
	b, err := c.bottle(ctx, l.Bottle)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	after, err := m.Label(ctx, b.ID, set, unset)
	if err != nil {
		return err
	}
	c.printBottle(after)
	return nil
}
