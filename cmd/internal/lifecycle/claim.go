package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// errSuperseded says that our claim is not the open one any more: somebody
// judged us dead. What we meant to record may be stale and is dropped.
var errSuperseded = errors.New("the claim was settled by somebody else")

// record appends to the bottle whatever version it has by now, as long as our
// claim, if we made one, is still the open one.
func (h *hold) record(ctx context.Context, ps ...events.Payload) error {
	return h.decide(ctx, func(*projections.Bottle) ([]events.Payload, error) { return ps, nil })
}

// decide appends what f makes of the bottle, in one transaction.
func (h *hold) decide(ctx context.Context, f func(*projections.Bottle) ([]events.Payload, error)) error {
	ctx = bookkeeping(ctx)
	var now projections.Bottle
	err := h.m.Log.Update(ctx, func(tx *events.Tx) (err error) {
		if now, err = h.m.Tables.Load(ctx, tx, h.b.ID); err != nil {
			return err
		}
		if h.claim != 0 && (now.Pending == nil || now.Pending.Version != h.claim) {
			return errSuperseded
		}
		ps, err := f(&now)
		if err != nil || len(ps) == 0 {
			return err
		}
		if _, err := tx.Append(ctx, now.ID, now.Version, ps...); err != nil {
			return err
		}
		now, err = h.m.Tables.Load(ctx, tx, now.ID)
		return err
	})
	if err == nil || errors.Is(err, errSuperseded) {
		h.b = now
	}
	return err
}

// request makes a claim: the action is in the log before anything is touched.
// That nothing else is under way and that the bottle still may is asked in
// the transaction that makes it.
func (h *hold) request(ctx context.Context, r *events.ActionRequested, may func(*projections.Bottle) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.m.At(r.Action + ":request")
	err := h.decide(ctx, func(b *projections.Bottle) ([]events.Payload, error) {
		if b.Pending != nil {
			return nil, busyWith(b)
		}
		return []events.Payload{r}, may(b)
	})
	if err != nil {
		return err
	}
	h.claim = h.b.Pending.Version
	h.m.At(r.Action + ":requested")
	return nil
}

// allows is what most claims ask of the log.
func allows(a projections.Action) func(*projections.Bottle) error {
	return func(b *projections.Bottle) error {
		_, err := b.Can(a)
		return err
	}
}

// outcome closes our claim. When somebody settled it meanwhile, what we meant
// to say may be stale: the engine is asked and its answer recorded instead.
func (h *hold) outcome(ctx context.Context, ps ...events.Payload) error {
	err := h.record(ctx, ps...)
	h.claim = 0
	if errors.Is(err, errSuperseded) {
		_, err = h.reconcile(bookkeeping(ctx))
	}
	return err
}

// fail closes our claim with what went wrong and returns cause, named.
func (h *hold) fail(ctx context.Context, action string, cause error, left ...string) error {
	if errors.Is(cause, errSuperseded) {
		h.claim = 0
		_, err := h.reconcile(bookkeeping(ctx))
		return about(h.b.Slug, h.b.Backend, errors.Join(cause, err))
	}
	err := h.outcome(ctx, &events.ActionFailed{
		Action: action, Code: string(codeOf(cause)), Reason: oneLine(cause.Error()), LeftBehind: left})
	if err != nil {
		cause = errors.Join(cause, fmt.Errorf("record the failure: %w", err))
	}
	if len(left) > 0 {
		next := "bot-bottle rm " + h.b.Slug
		var down *backends.Unavailable
		if errors.As(cause, &down) && down.Hint != "" {
			next = down.Hint + "; then: bot-bottle resume " + h.b.Slug
		}
		return &Problem{Code: CodeLeftBehind, Slug: h.b.Slug, Backend: h.b.Backend, Err: cause, LeftBehind: left,
			Message: action + " failed", Next: next}
	}
	return about(h.b.Slug, h.b.Backend, cause)
}
