package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// restoreCmd is `restore`.
type restoreCmd struct {
	File     string `arg:"" help:"The export; - is stdin."`
	TakeOver bool   `help:"Go on under the id of the home that made the export, to act on its instances. Only when that home is gone."`
}

func (r *restoreCmd) run(ctx context.Context, c *call) error {
	in := c.env.Stdin
	if r.File != "-" {
		f, err := os.Open(c.abs(r.File))
		if err != nil {
			return usageError("restore: " + err.Error())
		}
		defer f.Close()
		in = io.Reader(f)
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	done, err := m.Log.Restore(ctx, in, r.TakeOver)
	var bad *events.BadExport
	switch {
	case errors.Is(err, events.ErrNotEmpty):
		return &problem{Code: codeWrongState, Message: "restore: this home has a log with events already", Next: "bot-bottle --home NEW restore " + r.File}
	case errors.As(err, &bad):
		return &problem{Code: codeDamaged, Message: "restore: " + bad.Error()}
	case err != nil:
		return err
	}
	if c.structured() {
		j := newDocument()
		j.str("home", done.HomeID).str("from_home", done.FromHome).num("events", done.Events).bool("take_over", r.TakeOver)
		c.document(j)
		return nil
	}
	c.progress.say(fmt.Sprintf("restored %d events of home %s into home %s", done.Events, done.FromHome, done.HomeID))
	if !r.TakeOver && done.Events > 0 {
		c.progress.warn("", "this home has an id of its own, so it does not act on the instances of the old one: see restore --take-over and adopt --from-home")
	}
	return nil
}
