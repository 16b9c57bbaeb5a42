package cli

import (
	"context"
	"io"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// sendCmd is `send`. What is typed is in no log, and no secret belongs into
// an argv: - reads it from stdin.
type sendCmd struct {
	one
	Text  string `arg:"" help:"What to type; - is what stdin says."`
	Enter bool   `help:"Press return behind it."`
	Paste bool   `help:"As one paste, where the agent tells them apart."`
}

func (s *sendCmd) run(ctx context.Context, c *call) error {
	b, err := c.bottle(ctx, s.Bottle)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	var text io.Reader = strings.NewReader(s.Text)
	if s.Text == "-" {
		text = c.env.Stdin
	}
	if err := m.Send(ctx, b.ID, text, guest.SendOptions{Enter: s.Enter, Paste: s.Paste}); err != nil {
		return err
	}
	c.printBottle(b)
	return nil
}
