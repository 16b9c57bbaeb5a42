package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// logsCmd is `logs`.
type logsCmd struct {
	one
	Follow bool   `short:"f" help:"Go on with what the agent prints."`
	Tail   string `short:"n" default:"all" placeholder:"N" help:"Only the last N lines."`
	Since  string `placeholder:"T" help:"Only what was printed from then on."`
	Raw    bool   `help:"As the agent printed it, escape codes and all."`
}

func (l *logsCmd) options(now time.Time) (o backends.LogOptions, err error) {
	o.Follow, o.Tail = l.Follow, -1
	if l.Tail != "all" {
		if o.Tail, err = strconv.Atoi(l.Tail); err != nil || o.Tail < 0 {
			return o, usageError(fmt.Sprintf("--tail %s: it takes a number of lines, or all", clip(l.Tail)))
		}
	}
	if l.Since != "" {
		m, err := parseMoment(l.Since, now)
		if err != nil {
			return o, usageError("--since " + err.Error())
		}
		if m.BySeq {
			return o, usageError("--since seq:N is for events: what an agent prints has no number")
		}
		o.Since = m.Time
	}
	return o, nil
}

func (l *logsCmd) run(ctx context.Context, c *call) error {
	o, err := l.options(c.env.Now())
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
	out := &streamOut{out: c.out}
	var stdout, stderr io.Writer = out, c.env.Stderr
	if !l.Raw {
		plainOut, plainErr := newPlainText(out), newPlainText(c.env.Stderr)
		stdout, stderr = plainOut, plainErr
		defer plainErr.Close()
		defer plainOut.Close()
	}
	err = m.Logs(ctx, b.ID, lifecycle.LogsRequest{LogOptions: o, Stdout: stdout, Stderr: stderr})
	if out.err != nil {
		return out.err
	}
	if err != nil && l.Follow && errors.Is(context.Cause(ctx), ErrTerminated) {
		return nil
	}
	return err
}

// streamOut lets every write through at once: what comes bit by bit is read
// bit by bit.
type streamOut struct {
	out *stdout
	err error
}

func (s *streamOut) Write(p []byte) (int, error) {
	if s.err == nil {
		if _, s.err = s.out.Write(p); s.err == nil {
			s.err = s.out.release()
		}
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}
