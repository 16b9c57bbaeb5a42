package lifecycle

import (
	"context"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// CleanupPlan lists what this home could let go of: instances of bottles that
// were removed or of older generations, bottles whose creation failed, those
// stopped for longer than stoppedFor (0: none), networks and clones that
// nothing uses. What the log does not know is kept and named: an instance
// with our label and no bottle may be somebody's only copy.
func (m *Manager) CleanupPlan(ctx context.Context, stoppedFor time.Duration) ([]PlanItem, error) {
	all, err := m.everything(ctx)
	if err != nil {
		return nil, err
	}
	var plan []PlanItem
	for _, b := range all {
		if item := m.staleBottle(b, stoppedFor); item != nil {
			plan = append(plan, *item)
		}
	}
	for _, p := range places(all) {
		items, err := m.cleanPlace(ctx, p, all)
		if err != nil {
			items = []PlanItem{{Action: "keep", Backend: p.backend, Detail: oneLine(err.Error()), Err: err}}
		}
		plan = append(plan, items...)
	}
	return append(plan, m.staleClones(all)...), nil
}

func (m *Manager) staleBottle(b projections.Bottle, stoppedFor time.Duration) *PlanItem {
	if b.Protected || b.Pending != nil {
		return nil
	}
	item := &PlanItem{Action: "remove", Bottle: b.Slug, Backend: b.Backend, id: b.ID, version: b.Version}
	switch {
	case b.State == projections.Failed && b.Instance == nil:
		item.Detail = "its creation failed: " + b.Failure.Reason
	case stoppedFor > 0 && (b.State == projections.Stopped || b.State == projections.Failed) && m.Now().Sub(b.UpdatedAt) > stoppedFor:
		item.Detail = fmt.Sprintf("%s since %s", b.State, b.UpdatedAt.Format("2006-01-02"))
	default:
		return nil
	}
	return item
}

// cleanPlace compares what an engine has with our label with the log.
func (m *Manager) cleanPlace(ctx context.Context, p place, all []projections.Bottle) ([]PlanItem, error) {
	be, err := m.Backends.Open(p.backend, p.endpoint)
	if err != nil {
		return nil, err
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	found, err := be.List(q, m.Log.HomeID())
	if err != nil {
		return nil, m.unanswered(ctx, q, p, err)
	}
	var plan []PlanItem
	for _, o := range found {
		if item := judge(o, all, p, m.Now()); item != nil {
			plan = append(plan, *item)
		}
	}
	left, err := be.Leftovers(q, m.Log.HomeID())
	if err != nil {
		return nil, m.unanswered(ctx, q, p, err)
	}
	for _, l := range left {
		if !needed(l, all, p) {
			plan = append(plan, PlanItem{Action: "release", Backend: p.backend, Detail: l.Kind + " " + l.Ref, place: p, leftover: l})
		}
	}
	return plan, nil
}

// needed says whether bottles may use a leftover: as long as there are any, a
// network or a volume is theirs.
func needed(l backends.Leftover, all []projections.Bottle, p place) bool {
	return l.Kind != backends.LeftoverImage && inUse(all, p)
}

// judge decides about one instance with our home's label. nil: it is the
// instance of a bottle, whatever its labels say of another one that it was
// made for, or of one that somebody acts on.
func judge(o backends.Observation, all []projections.Bottle, p place, now time.Time) *PlanItem {
	if is, left := backends.IsThrowaway(o.Labels, now); is && left {
		return &PlanItem{Action: "delete", Backend: p.backend, place: p, instance: &o,
			Detail: "instance " + o.Name + " of a doctor --deep that was cut off"}
	} else if is {
		return nil // a check may be under way
	}
	var b *projections.Bottle // that it was made for
	for i := range all {
		if has := all[i].Instance; has != nil && has.InstanceID == o.ID && all[i].State != projections.Removed {
			return nil
		}
		if all[i].ID == o.Labels.Bottle {
			b = &all[i]
		}
	}
	item := &PlanItem{Action: "keep", Backend: p.backend, Detail: "instance " + o.Name, place: p, instance: &o}
	if b == nil {
		item.Detail += ": no bottle in the log has it; to take it in: bot-bottle adopt " + o.Name + " --backend " + p.backend
		return item
	}
	item.Bottle = b.Slug
	switch {
	case b.Pending != nil:
		return nil
	case b.State == projections.Removed:
		item.Action, item.Detail = "delete", item.Detail+" of a removed bottle"
	case b.Instance != nil && o.Labels.Generation < b.Generation:
		item.Action, item.Detail = "delete", fmt.Sprintf("%s, generation %d of a bottle that is at %d", item.Detail, o.Labels.Generation, b.Generation)
	default:
		item.Detail += ": its bottle does not know it; to let go of both: bot-bottle rm " + b.Slug + ", then bot-bottle cleanup"
	}
	return item
}

func inUse(all []projections.Bottle, p place) bool {
	for _, b := range all {
		if b.State != projections.Removed && b.Backend == p.backend && b.Endpoint == p.endpoint {
			return true
		}
	}
	return false
}

// staleClones are clones of removed bottles, which a crash left.
func (m *Manager) staleClones(all []projections.Bottle) (plan []PlanItem) {
	for _, b := range all {
		if b.State != projections.Removed {
			continue
		}
		for _, r := range b.Resources {
			if r.Kind != "clone" || !exists(r.Ref) {
				continue
			}
			item := PlanItem{Action: "delete", Bottle: b.Slug, Backend: b.Backend, Detail: "clone " + r.Ref, id: b.ID, clone: r.Ref}
			if !within(m.clonesOf(b.ID), r.Ref) {
				item.Action, item.Detail = "keep", item.Detail+", which is not in this home"
			}
			plan = append(plan, item)
		}
	}
	return plan
}
