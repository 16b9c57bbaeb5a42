package cli

import (
	"context"
	"errors"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// eventsCmd is `events`.
type eventsCmd struct {
	eventQuery
	Follow bool `short:"f" help:"Go on with what is appended, until interrupted; SIGTERM ends it with 0."`
}

// followEvery is how often --follow looks for new events.
const followEvery = 100 * time.Millisecond

func (e *eventsCmd) run(ctx context.Context, c *call) error {
	if e.Follow && c.Output == asJSON {
		return usageError("--follow has no end, so it has no one object: use -o jsonl")
	}
	found, head, err := e.read(ctx, c, e.Bottle)
	if err != nil {
		return err
	}
	if !e.Follow {
		return c.printEvents(found)
	}
	if err := c.printEvents(found); err != nil {
		return err
	}
	return e.follow(ctx, c, head)
}

// follow prints what comes after head. The log's order has no gaps and each
// look starts where the last one ended, so nothing is skipped.
func (e *eventsCmd) follow(ctx context.Context, c *call, head int64) error {
	next := eventQuery{Until: e.Until, Type: e.Type, Label: e.Label, Bottle: e.Bottle}
	for {
		if err := c.out.release(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrTerminated) {
				return nil
			}
			return context.Cause(ctx)
		case <-time.After(followEvery):
		}
		err := c.look(ctx, func(v *glance) error {
			now, err := v.Head(ctx)
			if err != nil || now == head {
				return err
			}
			f, none, err := next.filter(ctx, c, v, next.Bottle)
			if err != nil {
				return err
			}
			var found []toldEvent
			if !none {
				names, err := slugs(ctx, v)
				if err != nil {
					return err
				}
				f.AfterSeq = head
				err = v.Scan(ctx, f, func(ev events.Event) error {
					found = append(found, toldEvent{ev, names[ev.Stream]})
					return nil
				})
				if err != nil {
					return err
				}
			}
			head = now
			return c.eventListing(found).body(c)
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
