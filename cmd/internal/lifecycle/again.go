package lifecycle

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// sameRequest finds the bottle that an idempotency key made before. What the
// process that made it left open is settled first: a second try after a crash
// must not hear that all is well.
func (m *Manager) sameRequest(ctx context.Context, c events.BottleCreated) (*projections.Bottle, error) {
	if c.IdempotencyKey == "" {
		return nil, nil
	}
	var b projections.Bottle
	err := m.Log.Peek(ctx, func(v *events.View) error {
		id, err := projections.ByIdempotencyKey(ctx, v, c.IdempotencyKey)
		if err != nil || id == "" {
			return err
		}
		b, err = projections.LoadView(ctx, v, id)
		return err
	})
	if err != nil || b.ID == "" {
		return nil, err
	}
	if b.Private == nil || b.Private.SpecDigest != c.SpecDigest {
		return nil, &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle show " + b.Slug,
			Message: fmt.Sprintf("idempotency key %q made bottle %s with another spec", c.IdempotencyKey, b.Slug)}
	}
	if b.Pending != nil {
		h, err := m.own(ctx, b.ID, false)
		switch {
		case isBusy(err): // the one that makes it lives
		case err != nil:
			return nil, err
		default:
			b = h.b
			h.release()
		}
	}
	if b.State == projections.Failed {
		return nil, &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle resume " + b.Slug,
			Message: fmt.Sprintf("idempotency key %q made bottle %s, which failed", c.IdempotencyKey, b.Slug)}
	}
	return &b, nil
}
