package lifecycle

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Logs copies what the agent printed. It appends nothing.
func (m *Manager) Logs(ctx context.Context, id string, r LogsRequest) error {
	b, err := m.load(ctx, id)
	if err != nil {
		return err
	}
	if _, err := b.Can(projections.Logs); err != nil {
		return err
	}
	if b.Instance == nil {
		return &projections.Refusal{Slug: b.Slug, Action: projections.Logs, State: b.State, Kind: "wrong_state",
			Reason: "has no instance yet, so it has printed nothing", Next: "bot-bottle resume " + b.Slug}
	}
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return about(b.Slug, b.Backend, err)
	}
	defer be.Close()
	o, err := m.inspect(ctx, be, b)
	if err != nil {
		return about(b.Slug, b.Backend, err)
	}
	if isLost(o) {
		b.State = projections.Lost // as the next verb that writes will record
		_, err := b.Can(projections.Logs)
		return err
	}
	r.TTY = b.Spec.TTY
	return about(b.Slug, b.Backend, be.Logs(ctx, m.refOf(b), r.LogOptions, r.Stdout, r.Stderr))
}
