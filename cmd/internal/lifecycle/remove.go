package lifecycle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Remove deletes a bottle's instance and what only the bottle owns. Its
// history stays. Removed already: nil.
func (m *Manager) Remove(ctx context.Context, id string, r RemoveRequest) error {
	if r.Forget {
		return m.forget(ctx, id, r)
	}
	h, err := m.own(ctx, id, true)
	if err != nil {
		return err
	}
	defer h.release()
	action := projections.Remove
	if r.Force {
		action = projections.ForceRemove
	}
	if done, err := h.mayRemove(ctx, action, r.Confirm); done || err != nil {
		return about(h.b.Slug, h.b.Backend, err)
	}
	m.contradict(h.b)
	claim := &events.ActionRequested{Action: events.ActionRemove, Generation: h.b.Generation, Force: r.Force}
	may := func(b *projections.Bottle) error {
		if r.unchanged != 0 && b.Version != r.unchanged {
			return &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle cleanup",
				Message: fmt.Sprintf("bottle %s is not as it was when the plan was made, and is left alone", b.Slug)}
		}
		return allows(action)(b)
	}
	if err := h.request(ctx, claim, may); err != nil {
		return about(h.b.Slug, h.b.Backend, err)
	}
	if err := h.remove(ctx); err != nil {
		return err
	}
	m.step(h.b.Slug, "BottleRemoved", fmt.Sprintf("removed %s", h.b.Slug))
	m.tellProject(h.b)
	return nil
}

// removeAfter carries out --rm: a bottle whose agent ended with 0 is removed,
// unless it is protected or work would go with it.
func (h *hold) removeAfter(ctx context.Context) (bool, error) {
	b := h.b
	if !b.Spec.RemoveAfter || b.Protected || b.State != projections.Stopped || b.Reason != events.ReasonAgentExited {
		return false, nil
	}
	if holds := h.onlyCopy(ctx); holds != "" {
		h.m.warn(b.Slug, fmt.Sprintf("kept in spite of --rm: its clone holds %s", holds))
		return false, nil
	}
	claim := &events.ActionRequested{Action: events.ActionRemove, Generation: b.Generation}
	if err := h.request(ctx, claim, allows(projections.Remove)); err != nil {
		return false, about(b.Slug, b.Backend, err)
	}
	err := h.remove(ctx)
	return err == nil, err
}

// mayRemove asks the state, and the user when the only copy of work would go.
func (h *hold) mayRemove(ctx context.Context, action projections.Action, confirm func(string) (bool, error)) (done bool, err error) {
	if done, err = h.b.Can(action); done || err != nil {
		return done, err
	}
	holds := h.onlyCopy(ctx)
	if holds == "" {
		return false, nil
	}
	ok, err := confirm(holds)
	if err == nil && !ok {
		err = &Problem{Code: CodeDeclined, Slug: h.b.Slug, Backend: h.b.Backend, Next: FetchLine(h.b.Private.Workspace),
			Message: fmt.Sprintf("bottle %s is kept: its clone holds %s", h.b.Slug, holds)}
	}
	return false, err
}

// onlyCopy says what the bottle's clone holds that is nowhere else; "" is
// nothing. Where there never was an instance nobody worked in it.
func (h *hold) onlyCopy(ctx context.Context) string {
	if h.b.Private == nil || h.b.Instance == nil {
		return ""
	}
	w := h.b.Private.Workspace
	holds, err := onlyCopy(ctx, w)
	if err != nil {
		return fmt.Sprintf("work that cannot be compared with %s (%v)", w.Source, err)
	}
	return holds
}

// remove carries out the open claim. It is also what settles it: the consent
// is in the claim, and the instance is named exactly.
func (h *hold) remove(ctx context.Context) error {
	if h.b.Instance != nil {
		if err := h.removeInstance(ctx); err != nil {
			return err
		}
	}
	clones, elsewhere := h.clones()
	released, err := h.drop(clones)
	if err != nil {
		return h.fail(ctx, events.ActionRemove, err, clones...)
	}
	err = h.outcome(ctx, append(released, &events.BottleRemoved{LeftBehind: elsewhere})...)
	return about(h.b.Slug, h.b.Backend, err)
}

// removeInstance deletes the instance. An engine that did not answer to the
// end may delete it yet: the claim stays open, with the consent in it.
func (h *hold) removeInstance(ctx context.Context) error {
	be, err := h.backend()
	if err != nil {
		return h.fail(ctx, events.ActionRemove, err)
	}
	h.m.At("remove:remove")
	q, cancel := h.m.bounded(ctx)
	defer cancel()
	cause := h.m.unanswered(ctx, q, placeOf(h.b), be.Remove(q, h.ref()))
	h.m.At("remove:removed")
	if cause == nil {
		return nil
	}
	o, err := h.inspect(bookkeeping(ctx))
	switch {
	case err != nil:
		return h.leaveOpen(cause, err)
	case isLost(o):
		return nil
	case cutOff(cause):
		return h.leaveOpen(cause, nil)
	}
	return h.fail(ctx, events.ActionRemove, cause, "instance "+h.b.InstanceName)
}

// clonesOf is the folder of one bottle's clone.
func (m *Manager) clonesOf(id string) string { return filepath.Join(m.Home, clonesDir, id) }

// clones lists the bottle's clones: those that are its own and go with it,
// and those that lie elsewhere, since the home was moved: they are left alone
// and named. Networks belong to the home and go with cleanup.
func (h *hold) clones() (mine, elsewhere []string) {
	for _, r := range h.b.Resources {
		switch {
		case r.Kind != "clone":
		case within(h.m.clonesOf(h.b.ID), r.Ref):
			mine = append(mine, r.Ref)
		default:
			elsewhere = append(elsewhere, r.Ref)
			h.m.warn(h.b.Slug, fmt.Sprintf("left behind: the clone %s, which is not in this home", r.Ref))
		}
	}
	return mine, elsewhere
}

// drop deletes clones that are the bottle's own.
func (h *hold) drop(clones []string) ([]events.Payload, error) {
	var out []events.Payload
	for _, c := range clones {
		h.m.At("remove:clone")
		if err := os.RemoveAll(h.m.clonesOf(h.b.ID)); err != nil {
			return nil, fmt.Errorf("delete the clone: %w", err)
		}
		out = append(out, &events.ResourceReleased{Kind: "clone", Ref: c})
	}
	return out, nil
}

// forget ends a bottle without asking its engine, which is gone for good, or
// the machine that claimed an action on it. Who forgets says so.
func (m *Manager) forget(ctx context.Context, id string, r RemoveRequest) error {
	h, err := m.take(ctx, id)
	if err != nil {
		return err
	}
	defer h.release()
	if h.b, err = m.load(ctx, id); err != nil {
		return err
	}
	if done, err := h.mayRemove(ctx, projections.ForceRemove, r.Confirm); done || err != nil {
		return about(h.b.Slug, h.b.Backend, err)
	}
	var left []string
	if h.b.Instance != nil {
		left = []string{fmt.Sprintf("%s instance %s (%s) at %s", h.b.Backend, h.b.InstanceName, h.b.Instance.InstanceID, h.b.Endpoint)}
	}
	clones, elsewhere := h.clones()
	left = append(left, elsewhere...)
	m.At("forget:record")
	err = h.decide(ctx, func(b *projections.Bottle) ([]events.Payload, error) {
		return []events.Payload{&events.BottleRemoved{Forgotten: true, LeftBehind: left}}, allows(projections.ForceRemove)(b)
	})
	if err != nil {
		return about(h.b.Slug, h.b.Backend, err)
	}
	m.step(h.b.Slug, "BottleRemoved", fmt.Sprintf("forgot %s", h.b.Slug))
	// what fails from here on is left to cleanup, which finds it in the log
	released, err := h.drop(clones)
	if err == nil {
		err = h.record(ctx, released...)
	}
	return about(h.b.Slug, h.b.Backend, err)
}
