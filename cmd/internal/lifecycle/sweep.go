package lifecycle

import (
	"context"
	"fmt"
	"os"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
)

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
			item.Err = m.Remove(ctx, item.id, RemoveRequest{unchanged: item.version,
				Confirm: func(string) (bool, error) { return false, nil }})
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
	if err := os.RemoveAll(m.clonesOf(item.id)); err != nil {
		return fmt.Errorf("delete the clone: %w", err)
	}
	_, err := m.note(ctx, item.id, &events.ResourceReleased{Kind: "clone", Ref: item.clone})
	return err
}

// deleteStray removes an instance that no bottle needs any more. The bottle
// it was made for is taken first, and everything is read again: somebody may
// just have resumed it or taken the instance in.
func (m *Manager) deleteStray(ctx context.Context, item PlanItem) error {
	h, err := m.take(ctx, item.instance.Labels.Bottle)
	if err != nil {
		return err
	}
	defer h.release()
	all, err := m.everything(ctx)
	if err != nil {
		return err
	}
	if again := judge(*item.instance, all, item.place, m.Now()); again == nil || again.Action != "delete" {
		return itIsUsed(item)
	}
	be, err := m.Backends.Open(item.place.backend, item.place.endpoint)
	if err != nil {
		return err
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	o := item.instance
	return m.unanswered(ctx, q, item.place, be.Remove(q, backends.Ref{Name: o.Name, ID: o.ID, Labels: o.Labels}))
}

func itIsUsed(item PlanItem) error {
	return &Problem{Code: CodeWrongState, Slug: item.Bottle, Backend: item.Backend, Next: "bot-bottle cleanup",
		Message: item.Detail + ": it is used by now and left alone"}
}

func (m *Manager) releaseLeftover(ctx context.Context, item PlanItem) error {
	all, err := m.everything(ctx)
	if err != nil {
		return err
	}
	if needed(item.leftover, all, item.place) {
		return itIsUsed(item)
	}
	be, err := m.Backends.Open(item.place.backend, item.place.endpoint)
	if err != nil {
		return err
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	if err := be.Release(q, m.Log.HomeID(), item.leftover); err != nil {
		return m.unanswered(ctx, q, item.place, err)
	}
	for _, b := range all {
		for _, r := range b.Resources {
			if placeOf(b) != item.place || r.Kind != item.leftover.Kind || r.Ref != item.leftover.Ref {
				continue
			}
			if _, err := m.note(ctx, b.ID, &events.ResourceReleased{Kind: r.Kind, Ref: r.Ref}); err != nil {
				return err
			}
		}
	}
	return nil
}
