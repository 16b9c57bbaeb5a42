package lifecycle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
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
	item := &PlanItem{Action: "remove", Bottle: b.Slug, Backend: b.Backend, id: b.ID}
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
	byID := map[string]projections.Bottle{}
	for _, b := range all {
		byID[b.ID] = b
	}
	var plan []PlanItem
	for _, o := range found {
		if item := judge(o, byID, p); item != nil {
			plan = append(plan, *item)
		}
	}
	left, err := be.Leftovers(q, m.Log.HomeID())
	if err != nil {
		return nil, m.unanswered(ctx, q, p, err)
	}
	if len(left) > 0 && !inUse(all, p) {
		for _, l := range left {
			plan = append(plan, PlanItem{Action: "release", Backend: p.backend, Detail: l.Kind + " " + l.Ref, place: p, leftover: l})
		}
	}
	return plan, nil
}

// judge decides about one instance with our home's label. nil: it is the
// instance of a bottle, as it should be.
func judge(o backends.Observation, byID map[string]projections.Bottle, p place) *PlanItem {
	item := &PlanItem{Backend: p.backend, Detail: "instance " + o.Name, place: p, instance: &o}
	b, known := byID[o.Labels.Bottle]
	switch {
	case !known:
		item.Action, item.Detail = "keep", item.Detail+": no bottle in the log has it; to take it in: bot-bottle adopt "+o.Name+" --backend "+p.backend
	case b.Pending != nil:
		return nil
	case b.State == projections.Removed:
		item.Action, item.Bottle, item.Detail = "delete", b.Slug, item.Detail+" of a removed bottle"
	case b.Instance == nil || b.Instance.InstanceID == o.ID:
		return nil
	case o.Labels.Generation < b.Generation:
		item.Action, item.Bottle, item.Detail = "delete", b.Slug, fmt.Sprintf("%s, generation %d of a bottle that is at %d", item.Detail, o.Labels.Generation, b.Generation)
	default:
		item.Action, item.Bottle, item.Detail = "keep", b.Slug, item.Detail+": the log names another instance"
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
			if r.Kind == "clone" && exists(r.Ref) {
				plan = append(plan, PlanItem{Action: "delete", Bottle: b.Slug, Backend: b.Backend, Detail: "clone " + r.Ref, id: b.ID, clone: r.Ref})
			}
		}
	}
	return plan
}

// Cleanup carries out a plan, item by item; each is judged again right before
// it is acted on, by exact id.
func (m *Manager) Cleanup(ctx context.Context, plan []PlanItem) ([]PlanItem, error) {
	for i := range plan {
		item := &plan[i]
		if err := ctx.Err(); err != nil {
			return plan, err
		}
		m.At("cleanup:" + item.Action)
		switch {
		case item.Action == "remove":
			item.Err = m.Remove(ctx, item.id, RemoveRequest{Confirm: func(string) (bool, error) { return false, nil }})
		case item.clone != "":
			item.Err = m.dropClone(ctx, *item)
		case item.Action == "delete":
			item.Err = m.deleteStray(ctx, *item)
		case item.Action == "release":
			item.Err = m.releaseLeftover(ctx, *item)
		default:
			continue
		}
		item.Done = item.Err == nil
	}
	return plan, nil
}

func (m *Manager) dropClone(ctx context.Context, item PlanItem) error {
	mine := filepath.Join(m.Home, clonesDir, item.id)
	if !within(mine, item.clone) {
		return fmt.Errorf("the clone %s is not in the folder %s: it is left alone", item.clone, mine)
	}
	if err := os.RemoveAll(mine); err != nil {
		return fmt.Errorf("delete the clone: %w", err)
	}
	_, err := m.note(ctx, item.id, &events.ResourceReleased{Kind: "clone", Ref: item.clone})
	return err
}

// deleteStray removes an instance that no bottle needs any more. The bottle
// is taken and read again first: somebody may just have resumed it.
func (m *Manager) deleteStray(ctx context.Context, item PlanItem) error {
	h, err := m.take(ctx, item.instance.Labels.Bottle)
	if err != nil {
		return err
	}
	defer h.release()
	if h.b, err = m.load(ctx, item.instance.Labels.Bottle); err != nil {
		return err
	}
	again := judge(*item.instance, map[string]projections.Bottle{h.b.ID: h.b}, item.place)
	if again == nil || again.Action != "delete" {
		return fmt.Errorf("instance %s is in use by now: it is left alone", item.instance.Name)
	}
	be, err := m.Backends.Open(item.place.backend, item.place.endpoint)
	if err != nil {
		return err
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	o := item.instance
	return be.Remove(q, backends.Ref{Name: o.Name, ID: o.ID, Labels: o.Labels})
}

func (m *Manager) releaseLeftover(ctx context.Context, item PlanItem) error {
	be, err := m.Backends.Open(item.place.backend, item.place.endpoint)
	if err != nil {
		return err
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	if err := be.Release(q, m.Log.HomeID(), item.leftover); err != nil {
		return err
	}
	all, err := m.everything(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		for _, r := range b.Resources {
			if b.Backend != item.place.backend || b.Endpoint != item.place.endpoint || r.Kind != item.leftover.Kind || r.Ref != item.leftover.Ref {
				continue
			}
			if _, err := m.note(ctx, b.ID, &events.ResourceReleased{Kind: r.Kind, Ref: r.Ref}); err != nil {
				return err
			}
		}
	}
	return nil
}
