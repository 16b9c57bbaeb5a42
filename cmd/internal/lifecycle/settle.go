package lifecycle

import (
	"context"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// settle closes a claim that a dead process left open. We hold the bottle's
// lock, so its owner is gone, unless it is on another machine. Inspecting is
// not enough: an engine may still be at work on what the dead process asked
// for, so stop and remove are asked again and waited for.
func (h *hold) settle(ctx context.Context) error {
	p := h.b.Pending
	if p == nil {
		return nil
	}
	if err := h.m.foreignClaim(h.b); err != nil {
		return err
	}
	h.claim = p.Version
	h.m.warn(h.b.Slug, fmt.Sprintf("settling the %s that process %d left open", p.Action, p.PID))
	h.m.At("settle:" + p.Action)
	switch p.Action {
	case events.ActionStop:
		return h.finish(ctx, time.Duration(p.GraceMS)*time.Millisecond, events.ReasonUser)
	case events.ActionRemove:
		return h.settleRemove(ctx)
	case events.ActionStart, events.ActionResume:
		return h.settleStart(ctx)
	}
	return fmt.Errorf("bottle %s has an open action %q that this program does not know", h.b.Slug, p.Action)
}

// foreignClaim refuses to judge a claim that was made on another machine: our
// locks say nothing of who lives there.
func (m *Manager) foreignClaim(b projections.Bottle) error {
	p := b.Pending
	if p == nil || p.MachineID == m.MachineID {
		return nil
	}
	return &Problem{Code: CodeBusy, Slug: b.Slug, Backend: b.Backend,
		Message: fmt.Sprintf("bottle %s: %s was requested on another machine (%s), which only that machine can settle", b.Slug, p.Action, p.Host),
		Next:    fmt.Sprintf("bot-bottle recover, on %s; when that is gone for good: bot-bottle rm --forget %s", p.Host, b.Slug)}
}

// settleRemove removes the exact instance again. That it is gone is believed
// only of the engine that made it, and a bottle that was protected since is
// spared.
func (h *hold) settleRemove(ctx context.Context) error {
	if h.b.Instance != nil {
		if _, err := h.inspect(ctx); err != nil {
			return err
		}
	}
	if h.b.Protected {
		return h.outcome(ctx, &events.ActionFailed{Action: events.ActionRemove, Code: string(CodeWrongState),
			Reason: "bot-bottle was ended, and the bottle was protected since"})
	}
	return h.remove(ctx)
}

// settleStart finishes the book-keeping of a creation or a start: what exists
// is recorded, what runs goes on running, what does not is ended for certain.
func (h *hold) settleStart(ctx context.Context) error {
	p := h.b.Pending
	if h.b.Instance == nil || h.b.Instance.Nonce != p.Nonce && p.Nonce != "" {
		o, err := h.find(ctx)
		if err != nil {
			return err
		}
		if o.Status == backends.StatusGone {
			if err := h.m.sameEngine(ctx, h.be, h.b); err != nil {
				return err
			}
			return h.outcome(ctx, &events.ActionFailed{Action: p.Action, Code: string(CodeInterrupted),
				Reason: "bot-bottle was ended before the instance was made"})
		}
		if err := h.found(ctx, o, backends.Image{ID: o.ImageID}); err != nil {
			return err
		}
		h.m.At("settle:found")
	}
	o, err := h.inspect(ctx)
	switch {
	case err != nil:
		return err
	case isThere(o):
		return h.outcome(ctx, &events.BottleStarted{Generation: h.b.Generation, Action: p.Action})
	case isLost(o):
		return h.outcome(ctx, &events.ActionFailed{Action: p.Action, Code: string(CodeInterrupted),
			Reason: "bot-bottle was ended and the instance is " + string(o.Status)},
			&events.BottleObserved{Status: string(o.Status), Expected: string(projections.Failed)})
	}
	return h.finish(ctx, defaultGrace, events.ReasonRecovery)
}
