package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Recover settles every action left open and every disagreement with the
// engines. With dryRun it only says what it would do.
func (m *Manager) Recover(ctx context.Context, dryRun bool) ([]PlanItem, error) {
	bottles, err := m.unremoved(ctx)
	if err != nil {
		return nil, err
	}
	var plan []PlanItem
	dead := map[place]error{} // asked once: each may take as long as the limit allows
	for _, b := range bottles {
		if err := ctx.Err(); err != nil {
			return plan, err
		}
		err := dead[placeOf(b)]
		var item *PlanItem
		if err == nil {
			item, err = m.recoverOne(ctx, b, dryRun)
		}
		if err != nil {
			var down *backends.Unavailable
			if errors.As(err, &down) && !errors.Is(err, errOtherEngine) {
				dead[placeOf(b)] = down
			}
			item = &PlanItem{Action: "keep", Bottle: b.Slug, Backend: b.Backend, Detail: oneLine(err.Error()), Err: about(b.Slug, b.Backend, err)}
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
	if _, err := h.removeAfter(ctx); err != nil {
		return nil, err
	}
	if h.b.Version == before.Version {
		return nil, nil
	}
	item.Detail = fmt.Sprintf("%s → %s", stateWords(before), stateWords(h.b))
	return item, nil
}

func (m *Manager) wouldRecover(ctx context.Context, b projections.Bottle, item *PlanItem) (*PlanItem, error) {
	if b.Pending != nil {
		if err := m.foreignClaim(b); err != nil {
			return nil, err
		}
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

// unremoved folds every bottle that is not removed, newest first.
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
