package cli

import (
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/keys"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/outer"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

var ttyModes = []string{"auto", "always", "never"}

// wantTTY decides whether the agent gets a terminal of its own. Detached it
// does by itself: somebody will attach to it later. In the foreground it does
// when the caller has one.
func (c *call) wantTTY(mode string, detached bool) (bool, error) {
	switch mode {
	case "always":
		return true, nil
	case "never":
		return false, nil
	}
	return detached || c.onTerminal(), nil
}

// onTerminal says whether a person sits at both ends.
func (c *call) onTerminal() bool { return isTerminal(c.env.Stdin) && isTerminal(c.env.Stdout) }

// foreground connects the caller to the agent that begin starts or finds.
func (c *call) foreground(tty, readOnly bool, leave string, begin func(*lifecycle.Foreground) (lifecycle.Outcome, error)) (out lifecycle.Outcome, err error) {
	fg := &lifecycle.Foreground{DetachKeys: leave, ReadOnly: readOnly}
	if tty && !readOnly && c.onTerminal() {
		c.progress.say(orElse(leave, keys.Default) + " detaches: the agent goes on")
	}
	err = c.withStreams(tty, readOnly, func(s backends.Streams) error {
		fg.Streams = s
		out, err = begin(fg)
		return err
	})
	return out, err
}

// withStreams hands over the caller's streams: through a terminal when the
// agent has one, as they are otherwise.
func (c *call) withStreams(tty, readOnly bool, f func(backends.Streams) error) error {
	if err := c.out.release(); err != nil {
		return err
	}
	if tty {
		return c.withTerminal(readOnly, f)
	}
	c.progress.steady()
	s := backends.Streams{In: c.env.Stdin, Out: c.env.Stdout, Err: c.env.Stderr}
	if readOnly {
		s.In = nil
	}
	screen, err := c.guard(&s, outer.Options{Deaf: true})
	if err != nil {
		return err
	}
	if screen != nil {
		defer func() {
			if screen.Touched() {
				screen.Reset()
			}
		}()
	}
	return f(s)
}

// began reports what came of start or resume, and gives the exit code: the
// agent's when it ended before our eyes.
func (c *call) began(out lifecycle.Outcome, err error, detached bool) error {
	if err != nil {
		return err
	}
	switch {
	case detached || !out.Attached:
		c.printBottle(out.Bottle)
		return nil
	case out.Detached:
		c.progress.say(fmt.Sprintf("detached; the agent goes on: bot-bottle attach %s", out.Bottle.Slug))
		return nil
	case out.ExitCode == nil && out.Bottle.State == projections.Running:
		return fmt.Errorf("the connection to bottle %s ended, but it goes on: bot-bottle attach %s", out.Bottle.Slug, out.Bottle.Slug)
	case out.ExitCode == nil:
		return fmt.Errorf("bottle %s ended, but its exit code is not known", out.Bottle.Slug)
	}
	if !out.Removed && c.onTerminal() {
		if out.Bottle.State == projections.Running {
			c.progress.say(fmt.Sprintf("bottle %s goes on without its agent; to run it again: bot-bottle restart %s", out.Bottle.Slug, out.Bottle.Slug))
		} else {
			c.progress.say(fmt.Sprintf("bottle %s stopped; to go on: bot-bottle resume %s", out.Bottle.Slug, out.Bottle.Slug))
		}
	}
	if *out.ExitCode != 0 {
		return exitWith(*out.ExitCode)
	}
	return nil
}
