package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// freeThere asks the engine whether it has an instance of that name, before
// anything is recorded and before the questions that may take long, which
// have no limit of their own. A made name gives way to one that is there; its
// nth proposal is free. n is 0 for a given one.
func (m *Manager) freeThere(ctx context.Context, be backends.Backend, c *events.BottleCreated, made bool) (n int, err error) {
	base := c.Slug
	for n := 1; ; n++ {
		q, cancel := m.bounded(ctx)
		o, err := be.Inspect(q, backends.Ref{Name: c.InstanceName, Labels: backends.Labels{Home: m.Log.HomeID()}})
		err = m.unanswered(ctx, q, place{c.Backend, c.Endpoint}, err)
		cancel()
		gone := err == nil && o.Status == backends.StatusGone
		switch {
		case gone && made:
			return n, nil
		case err != nil || gone:
			return 0, err
		case !made:
			return 0, m.takenThere(ctx, *c)
		}
		rename(c, base, n+1)
	}
}

// takenThere says who has a given name: a bottle of ours, or nobody we know.
func (m *Manager) takenThere(ctx context.Context, c events.BottleCreated) error {
	err := m.Log.Peek(ctx, func(v *events.View) error {
		return projections.CheckName(ctx, v, c.Slug, c.Backend, c.Endpoint, c.InstanceName)
	})
	if err != nil {
		return err
	}
	return &Problem{Code: CodeNameTaken, Slug: c.Slug, Backend: c.Backend, Next: "bot-bottle start --name " + numbered(c.Slug, 2),
		Message: fmt.Sprintf("%s has an instance %s that is no bottle's of this home, and it is left alone", c.Backend, c.InstanceName)}
}

// freeName finds a free slug and instance name, or says who holds them. A
// made name is counted up from its nth proposal on; n is 0 for a given one.
func freeName(ctx context.Context, q projections.Queryer, c *events.BottleCreated, base string, n int) error {
	for {
		err := projections.CheckName(ctx, q, c.Slug, c.Backend, c.Endpoint, c.InstanceName)
		var taken *projections.NameTaken
		if n == 0 || !errors.As(err, &taken) {
			return err
		}
		n++
		rename(c, base, n)
	}
}

// rename gives a planned bottle the nth proposal for its made name.
func rename(c *events.BottleCreated, base string, n int) {
	c.Slug = numbered(base, n)
	c.InstanceName = InstancePrefix + c.Slug
}

// freeSlug counts a made slug up; the instance's name is given.
func freeSlug(ctx context.Context, tx *events.Tx, c *events.BottleCreated) error {
	base := c.Slug
	for n := 1; ; n++ {
		c.Slug = numbered(base, n)
		err := projections.CheckName(ctx, tx, c.Slug, c.Backend, c.Endpoint, c.InstanceName)
		var taken *projections.NameTaken
		if !errors.As(err, &taken) || taken.Instance != "" {
			return err
		}
	}
}
