package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// glance is one state of the records, as a command that only looks sees it.
type glance struct {
	*events.View
	// folded holds the rows where the tables are an older program's and the
	// folder is read-only, so that they cannot be brought up to date.
	folded []projections.Row
	inMind bool
}

func (g *glance) list(ctx context.Context, q projections.Query) ([]projections.Row, error) {
	if g.inMind {
		return q.Select(g.folded)
	}
	return projections.List(ctx, g, q)
}

func (g *glance) lookup(ctx context.Context, word string, exact bool) (string, error) {
	if g.inMind {
		return projections.LookupIn(g.folded, word, exact)
	}
	return projections.Lookup(ctx, g, word, exact)
}

func (g *glance) slugs(ctx context.Context) (out []string, err error) {
	if !g.inMind {
		return projections.Slugs(ctx, g)
	}
	rows, err := g.list(ctx, projections.Query{})
	for _, r := range rows {
		out = append(out, r.Slug)
	}
	return out, err
}

// log is what look reads: opened once a call.
type log struct {
	*events.Reader
	inMind bool
}

// look runs f on one state of the records. It writes nothing, makes nothing
// and asks no engine. Where there is no log yet f is not called.
//
// A verb that will write opens the log for that at once, where there is one:
// opening it twice costs more than all that is looked up.
func (c *call) look(ctx context.Context, f func(*glance) error) error {
	if w := c.glimpse(ctx); w != nil {
		return w.log.Peek(ctx, func(v *events.View) error { return f(&glance{View: v}) })
	}
	r, err := c.reader(ctx)
	if r == nil || err != nil {
		return err
	}
	return r.View(ctx, func(v *events.View) error {
		g := &glance{View: v, inMind: r.inMind}
		if r.inMind {
			var err error
			if g.folded, err = projections.FoldAll(ctx, v); err != nil {
				return err
			}
		}
		return f(g)
	})
}

// glimpse is the log that a verb will write to, if it is there and can be
// written: what is wrong with it, the reader says better.
func (c *call) glimpse(ctx context.Context) *writer {
	if !c.acts {
		return nil
	}
	home, err := c.homeFolder()
	if err != nil {
		return nil
	}
	home = withoutLinks(home)
	if st, err := os.Stat(filepath.Join(home, events.FileName)); err != nil || st.Size() == 0 {
		return nil
	}
	w, err := c.writer(ctx, home)
	if err != nil {
		return nil
	}
	return w
}

// reader opens the log for reading; nil when there is none.
func (c *call) reader(ctx context.Context) (*log, error) {
	if c.log != nil {
		return c.log, nil
	}
	home, err := c.homeFolder()
	if err != nil {
		return nil, err
	}
	l := &log{}
	l.Reader, err = events.OpenReader(ctx, home, projections.FoldRevision)
	var older *events.Older
	if errors.As(err, &older) {
		l, err = c.older(ctx, home, err)
	}
	if errors.Is(err, events.ErrNoLog) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.log = l
	return l, nil
}

// doneLooking closes the reader. A log whose last user could only read it
// keeps its write-ahead file, so that nobody without the right to write could
// read it any more: the writer has to be the last.
func (c *call) doneLooking() error {
	if c.log == nil {
		return nil
	}
	err := c.log.Close()
	c.log = nil
	return err
}

// older brings a log of an older program up to date, once. Where nothing can
// be written the log itself is still good: it is folded in memory.
func (c *call) older(ctx context.Context, home string, cause error) (*log, error) {
	up, err := events.Open(ctx, events.Options{Home: home, Projector: projections.NewTables(), Origin: c.origin(), Now: c.env.Now})
	var unwritable *events.Unwritable
	switch {
	case err == nil:
		if err := up.Close(); err != nil {
			return nil, err
		}
		r, err := events.OpenReader(ctx, home, projections.FoldRevision)
		return &log{Reader: r}, err
	case errors.As(err, &unwritable):
		r, rerr := events.OpenReader(ctx, home, events.AnyRevision)
		if rerr != nil {
			return nil, errors.Join(cause, rerr)
		}
		return &log{Reader: r, inMind: true}, nil
	}
	return nil, err
}
