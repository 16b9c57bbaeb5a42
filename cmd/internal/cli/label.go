package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// labelCmd is `label`.
type labelCmd struct {
	one
	Changes []string `arg:"" name:"k=v|k-" sep:"none" help:"k=v sets a label, k- unsets it."`
}

// changes sorts out what to set and what to unset.
func (l *labelCmd) changes() (set map[string]string, unset []string, err error) {
	set = map[string]string{}
	for _, ch := range l.Changes {
		switch k, v, eq := strings.Cut(ch, "="); {
		case eq:
			set[k] = v
		case strings.HasSuffix(ch, "-") && len(ch) > 1:
			unset = append(unset, strings.TrimSuffix(ch, "-"))
		default:
			return nil, nil, usageError(fmt.Sprintf("label: %s is neither k=v nor k-", clip(ch)))
		}
	}
	return set, unset, nil
}

func (l *labelCmd) check() error {
	set, unset, err := l.changes()
	for k, v := range set {
		if err := lifecycle.CheckLabel(k, v); err != nil {
			return err
		}
		if slices.Contains(unset, k) {
			return usageError(fmt.Sprintf("label: %s is set and unset at once", clip(k)))
		}
	}
	return err
}

func (l *labelCmd) run(ctx context.Context, c *call) error {
	set, unset, err := l.changes()
	if err != nil {
		return err
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
