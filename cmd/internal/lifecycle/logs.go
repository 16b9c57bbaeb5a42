package lifecycle

import (
	"context"
	"errors"

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
	if _, err := m.inspect(ctx, be, b); err != nil {
		return about(b.Slug, b.Backend, err)
	}
	r.TTY = b.Spec.TTY
	return about(b.Slug, b.Backend, be.Logs(ctx, m.refOf(b), r.LogOptions, r.Stdout, r.Stderr))
}

// Wait blocks until a bottle is running, stopped or removed. It settles what
// it watches. A state that can no longer be reached is a *[Problem].
func (m *Manager) Wait(ctx context.Context, id, want string) error {
	for {
		b, err := m.settled(ctx, id)
		if err != nil {
			return err
		}
		reached, over := progress(b, want)
		switch {
		case reached:
			return nil
		case over:
			return &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle history " + b.ID,
				Message: "bottle " + b.Slug + " is " + string(b.State) + " and will not be " + want + " by itself"}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.after(pollEvery):
		}
	}
}

// progress says whether a bottle is where it is waited for, or past it.
func progress(b projections.Bottle, want string) (reached, over bool) {
	switch want {
	case "removed":
		return b.State == projections.Removed, false
	case "stopped":
		reached = b.State == projections.Stopped || b.State == projections.Failed || b.State == projections.Removed
		return reached && b.Pending == nil, b.State == projections.Lost && b.Pending == nil
	}
	return b.State == projections.Running, b.State == projections.Removed
}

// settled is the bottle as it is now; one that another process acts on is
// taken as the log has it.
func (m *Manager) settled(ctx context.Context, id string) (projections.Bottle, error) {
	h, err := m.own(ctx, id, true)
	var p *Problem
	if errors.As(err, &p) && p.Code == CodeBusy {
		return m.load(ctx, id)
	}
	if err != nil {
		return projections.Bottle{}, err
	}
	b := h.b
	h.release()
	if removed, err := m.removeAfter(ctx, b); err != nil {
		return b, err
	} else if removed {
		return m.load(ctx, id)
	}
	return b, nil
}
