package lifecycle

import (
	"context"
	"errors"
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
	if p.MachineID != h.m.MachineID {
		return &Problem{Code: CodeBusy, Slug: h.b.Slug, Backend: h.b.Backend,
			Message: fmt.Sprintf("bottle %s: %s was requested on another machine (%s), which only that machine can settle", h.b.Slug, p.Action, p.Host),
			Next:    "bot-bottle recover, on " + p.Host}
	}
	h.claim = p.Version
	h.m.warn(h.b.Slug, fmt.Sprintf("settling the %s that process %d left open", p.Action, p.PID))
	h.m.At("settle:" + p.Action)
	switch p.Action {
	case events.ActionStop:
		return h.settleStop(ctx)
	case events.ActionRemove:
		return h.remove(ctx)
	case events.ActionStart, events.ActionResume:
		return h.settleStart(ctx)
	}
	return fmt.Errorf("bottle %s has an open action %q that this program does not know", h.b.Slug, p.Action)
}

func (h *hold) settleStop(ctx context.Context) error {
	if err := h.end(ctx, time.Duration(h.b.Pending.GraceMS)*time.Millisecond); err != nil {
		return err
	}
	return h.stopped(ctx, events.ReasonUser)
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
			return h.outcome(ctx, &events.ActionFailed{Action: p.Action, Code: string(CodeInterrupted),
				Reason: "bot-bottle was ended before the instance was made"})
		}
		engine, version := h.engineID(ctx)
		ev := h.m.instanceEvent(h.b, o.ID, o.Runtime, engine, version, backends.Image{ID: o.ImageID})
		if err := h.record(ctx, ev); err != nil {
			return err
		}
		h.m.At("settle:found")
	}
	o, err := h.inspect(ctx)
	if err != nil {
		return err
	}
	switch o.Status {
	case backends.StatusRunning:
		return h.outcome(ctx, &events.BottleStarted{Generation: h.b.Generation, Action: p.Action})
	case backends.StatusGone, backends.StatusReplaced:
		return h.outcome(ctx, &events.ActionFailed{Action: p.Action, Code: string(CodeInterrupted),
			Reason: "bot-bottle was ended and the instance is " + string(o.Status)},
			&events.BottleObserved{Status: string(o.Status), Expected: string(projections.Failed)})
	}
	if err := h.end(ctx, defaultGrace); err != nil {
		return err
	}
	return h.stopped(ctx, events.ReasonRecovery)
}

// engineID asks who the engine is; unknown stays unknown.
func (h *hold) engineID(ctx context.Context) (id, version string) {
	be, err := h.backend()
	if err != nil {
		return "", ""
	}
	q, cancel := h.m.bounded(ctx)
	defer cancel()
	e, err := be.Probe(q)
	if err != nil {
		return "", ""
	}
	return e.ID, e.Version
}

// Recover settles every action left open and every disagreement with the
// engines. With dryRun it only says what it would do.
func (m *Manager) Recover(ctx context.Context, dryRun bool) ([]PlanItem, error) {
	bottles, err := m.unremoved(ctx)
	if err != nil {
		return nil, err
	}
	var plan []PlanItem
	for _, b := range bottles {
		if err := ctx.Err(); err != nil {
			return plan, err
		}
		item, err := m.recoverOne(ctx, b, dryRun)
		if err != nil {
			item = &PlanItem{Action: "keep", Bottle: b.Slug, Backend: b.Backend, Detail: oneLine(err.Error()), Err: err}
		}
		if item != nil {
			plan = append(plan, *item)
		}
	}
	return plan, nil
}

func (m *Manager) recoverOne(ctx context.Context, b projections.Bottle, dryRun bool) (*PlanItem, error) {
	item := &PlanItem{Action: "settle", Bottle: b.Slug, Backend: b.Backend, Done: !dryRun}
	if dryRun {
		return m.wouldRecover(ctx, b, item)
	}
	h, err := m.take(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	defer h.release()
	if h.b, err = m.load(ctx, b.ID); err != nil {
		return nil, err
	}
	before := h.b
	if err := h.settle(ctx); err != nil {
		return nil, err
	}
	if _, err := h.reconcile(ctx); err != nil {
		return nil, err
	}
	after := h.b
	h.release()
	removed, err := m.removeAfter(ctx, after)
	if err != nil {
		return nil, err
	}
	if removed {
		after.State = projections.Removed
	}
	if after.Version == before.Version {
		return nil, nil
	}
	item.Detail = fmt.Sprintf("%s → %s", stateWords(before), stateWords(after))
	return item, nil
}

func (m *Manager) wouldRecover(ctx context.Context, b projections.Bottle, item *PlanItem) (*PlanItem, error) {
	if b.Pending != nil {
		item.Detail = fmt.Sprintf("the %s that process %d on %s left open", b.Pending.Action, b.Pending.PID, b.Pending.Host)
		h, err := m.take(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		h.release()
		return item, nil
	}
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return nil, err
	}
	defer be.Close()
	if b.Instance == nil {
		return nil, nil
	}
	o, err := m.inspect(ctx, be, b)
	if err != nil {
		return nil, err
	}
	if len(verdict(b, o, m.rebooted(b))) == 0 {
		return nil, nil
	}
	item.Detail = fmt.Sprintf("%s → the engine says %s", stateWords(b), o.Status)
	return item, nil
}

func stateWords(b projections.Bottle) string {
	if b.Pending != nil {
		return fmt.Sprintf("%s, %s open", b.State, b.Pending.Action)
	}
	if b.State == projections.Stopped && b.Reason != "" {
		return fmt.Sprintf("stopped (%s)", b.Reason)
	}
	return string(b.State)
}

// unremoved folds every bottle that is not removed, oldest first.
func (m *Manager) unremoved(ctx context.Context) ([]projections.Bottle, error) {
	return m.fold(ctx, projections.Query{})
}

// everything folds every bottle there ever was.
func (m *Manager) everything(ctx context.Context) ([]projections.Bottle, error) {
	return m.fold(ctx, projections.Query{All: true})
}

func (m *Manager) fold(ctx context.Context, q projections.Query) (out []projections.Bottle, err error) {
	err = m.Log.View(ctx, func(v *events.View) error {
		rows, err := projections.List(ctx, v, q)
		if err != nil {
			return err
		}
		for _, r := range rows {
			b, err := projections.LoadView(ctx, v, r.ID)
			if err != nil {
				return err
			}
			out = append(out, b)
		}
		return nil
	})
	return out, err
}

// codeOf names an error for the log.
func codeOf(err error) Code {
	var p *Problem
	var down *backends.Unavailable
	switch {
	case errors.As(err, &p):
		return p.Code
	case errors.As(err, &down):
		return CodeUnavailable
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	}
	return CodeInternal
}
