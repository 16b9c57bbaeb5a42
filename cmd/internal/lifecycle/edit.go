package lifecycle

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Rename gives a bottle another slug. Its instance keeps the name it was
// created with. The same name again: nil.
func (m *Manager) Rename(ctx context.Context, id, to string) (projections.Bottle, error) {
	if err := CheckSlug(to); err != nil {
		return projections.Bottle{}, err
	}
	return m.edit(ctx, id, func(tx *events.Tx, b projections.Bottle) ([]events.Payload, error) {
		if b.Slug == to {
			return nil, nil
		}
		if err := projections.CheckName(ctx, tx, to, "", "", ""); err != nil {
			return nil, err
		}
		return []events.Payload{&events.BottleRenamed{From: b.Slug, To: to}}, nil
	})
}

// Label sets and unsets labels. What is so already is not recorded again.
func (m *Manager) Label(ctx context.Context, id string, set map[string]string, unset []string) (projections.Bottle, error) {
	for k, v := range set {
		if err := CheckLabel(k, v); err != nil {
			return projections.Bottle{}, err
		}
	}
	return m.edit(ctx, id, func(_ *events.Tx, b projections.Bottle) ([]events.Payload, error) {
		p := &events.BottleLabelled{Set: map[string]string{}}
		for k, v := range set {
			if old, ok := b.Labels[k]; !ok || old != v {
				p.Set[k] = v
			}
		}
		for _, k := range unset {
			if _, ok := b.Labels[k]; ok {
				p.Unset = append(p.Unset, k)
			}
		}
		if len(p.Set)+len(p.Unset) == 0 {
			return nil, nil
		}
		return []events.Payload{p}, nil
	})
}

// Protect puts a bottle under protection against rm, or lifts it.
func (m *Manager) Protect(ctx context.Context, id string, on bool) (projections.Bottle, error) {
	return m.edit(ctx, id, func(_ *events.Tx, b projections.Bottle) ([]events.Payload, error) {
		if b.Protected == on {
			return nil, nil
		}
		return []events.Payload{&events.BottleProtected{On: on}}, nil
	})
}

// edit changes what the log says of a bottle and nothing else: no claim is
// needed, the transaction is enough.
func (m *Manager) edit(ctx context.Context, id string, f func(*events.Tx, projections.Bottle) ([]events.Payload, error)) (b projections.Bottle, err error) {
	if err := ctx.Err(); err != nil {
		return b, err
	}
	m.At("edit:record")
	ctx = bookkeeping(ctx)
	err = m.Log.Update(ctx, func(tx *events.Tx) error {
		if b, err = m.Tables.Load(ctx, tx, id); err != nil {
			return err
		}
		if _, err := b.Can(projections.Edit); err != nil {
			return err
		}
		ps, err := f(tx, b)
		if err != nil || len(ps) == 0 {
			return err
		}
		if _, err := tx.Append(ctx, id, b.Version, ps...); err != nil {
			return err
		}
		b, err = m.Tables.Load(ctx, tx, id)
		return err
	})
	return b, about(b.Slug, b.Backend, err)
}
