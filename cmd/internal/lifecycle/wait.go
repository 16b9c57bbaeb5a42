package lifecycle

import (
	"context"
	"errors"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// pollEvery is how often Wait looks: often enough for a person, seldom enough
// for an engine.
const pollEvery = 250 * time.Millisecond

// Attention is what [Manager.Wait] can wait for besides states.
const Attention = "attention"

// Wait blocks until a bottle is running, stopped or removed, or until its
// agent wants attention: it rang, said so, or ended by itself. It settles what
// it watches. What can no longer come is a *[Problem].
func (m *Manager) Wait(ctx context.Context, id, want string) error {
	_, _, err := m.wait(ctx, id, want)
	return err
}

// WaitAttention is Wait for [Attention], and says what for.
func (m *Manager) WaitAttention(ctx context.Context, id string) (projections.Bottle, Activity, error) {
	return m.wait(ctx, id, Attention)
}

func (m *Manager) wait(ctx context.Context, id, want string) (b projections.Bottle, a Activity, err error) {
	var seen int64
	for {
		if b, err = m.settled(ctx, id, seen); err != nil {
			return b, a, err
		}
		seen = b.Version
		reached, over := progress(b, want)
		switch {
		case reached:
			a.Exited = exitedByItself(b)
			return b, a, nil
		case over:
			never := "will not be " + want + " by itself"
			if want == Attention {
				never = "has no agent that could want any"
			}
			return b, a, &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle history " + b.ID,
				Message: "bottle " + b.Slug + " is " + string(b.State) + " and " + never}
		}
		if want == Attention && b.Pending == nil && b.State == projections.Running {
			came, err := m.waitAttention(ctx, b, &a)
			switch {
			case ctx.Err() != nil:
				return b, a, context.Cause(ctx)
			case came:
				return b, a, nil
			case err != nil && !errors.Is(err, backends.ErrNotRunning) && !errors.Is(err, guest.ErrLost):
				return b, a, about(b.Slug, b.Backend, err)
			}
		}
		select {
		case <-ctx.Done():
			return b, a, context.Cause(ctx)
		case <-time.After(pollEvery):
		}
	}
}

// progress says whether a bottle is where it is waited for, or past it. While
// an action is open neither is known. Stopped means that nothing of it runs,
// as for the verb.
func progress(b projections.Bottle, want string) (reached, over bool) {
	if b.Pending != nil {
		return false, false
	}
	switch want {
	case Attention:
		return exitedByItself(b), b.State != projections.Running
	case "removed":
		return b.State == projections.Removed, false
	case "stopped":
		return b.State != projections.Running && b.State != projections.Lost, b.State == projections.Lost
	}
	return b.State == projections.Running, b.State == projections.Removed
}

// settled is the bottle as it is now; one that another process acts on is
// taken as the log has it. --rm is carried out when the bottle has changed
// since version seen: what keeps it from being removed is not told twice.
func (m *Manager) settled(ctx context.Context, id string, seen int64) (projections.Bottle, error) {
	h, err := m.own(ctx, id, true)
	if isBusy(err) {
		return m.load(ctx, id)
	}
	if err != nil {
		return projections.Bottle{}, err
	}
	defer h.release()
	if h.b.Version != seen {
		_, err = h.removeAfter(ctx)
	}
	return h.b, err
}
