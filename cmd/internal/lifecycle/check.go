package lifecycle

import (
	"context"
	"sync"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// place is one engine.
type place struct{ backend, endpoint string }

func placeOf(b projections.Bottle) place { return place{b.Backend, b.Endpoint} }

// places lists the engines that the log names, each once.
func places(bottles []projections.Bottle) (out []place) {
	seen := map[place]bool{}
	for _, b := range bottles {
		p := placeOf(b)
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// Check asks the engines of the named bottles, in parallel, what they see of
// them. It appends nothing. An engine that does not answer says so in the
// rows of its bottles and nowhere else.
func (m *Manager) Check(ctx context.Context, bottles []projections.Bottle) map[string]Drift {
	byPlace := map[place][]projections.Bottle{}
	for _, b := range bottles {
		p := placeOf(b)
		byPlace[p] = append(byPlace[p], b)
	}
	out := map[string]Drift{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p, bs := range byPlace {
		wg.Go(func() {
			found := m.checkPlace(ctx, p, bs)
			mu.Lock()
			defer mu.Unlock()
			for id, d := range found {
				out[id] = d
			}
		})
	}
	wg.Wait()
	return out
}

// checkPlace asks one engine: one call for all, and one more for each bottle
// that the call does not show as the log has it.
func (m *Manager) checkPlace(ctx context.Context, p place, bs []projections.Bottle) map[string]Drift {
	out := map[string]Drift{}
	fail := func(err error) map[string]Drift {
		for _, b := range bs {
			out[b.ID] = Drift{Kind: "unreachable", Err: about(b.Slug, b.Backend, err)}
		}
		return out
	}
	be, err := m.Backends.Open(p.backend, p.endpoint)
	if err != nil {
		return fail(err)
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	all, err := be.List(q, m.Log.HomeID())
	if err != nil {
		return fail(m.unanswered(ctx, q, p, err))
	}
	seen := map[string]backends.Observation{}
	for _, o := range all {
		seen[o.ID] = o
	}
	for _, b := range bs {
		if b.Instance == nil || b.State == projections.Removed {
			out[b.ID] = Drift{}
			continue
		}
		o, ok := seen[b.Instance.InstanceID]
		if !ok {
			if o, err = m.inspect(ctx, be, b); err != nil {
				out[b.ID] = Drift{Kind: "unreachable", Err: about(b.Slug, b.Backend, err)}
				continue
			}
		}
		out[b.ID] = Drift{Observed: string(o.Status), Kind: drift(b, o)}
	}
	return out
}

// drift names the disagreement between log and engine; "" is none.
func drift(b projections.Bottle, o backends.Observation) string {
	switch o.Status {
	case backends.StatusGone, backends.StatusReplaced:
		if b.State == projections.Lost {
			return "" // the log knows
		}
		return string(o.Status)
	case backends.StatusUnresponsive:
		return "unreachable"
	case backends.StatusRunning, backends.StatusPaused:
		if b.State != projections.Running {
			return "running"
		}
	case backends.StatusCreated, backends.StatusStopped:
		if b.State == projections.Running || b.State == projections.Lost {
			return "stopped"
		}
	}
	return ""
}

// Interrupted lists the bottles whose last stop was neither the user's nor
// the agent's own.
func Interrupted(bottles []projections.Bottle) (ids []string) {
	for _, b := range bottles {
		switch b.Reason {
		case "engine", "recovery", "timeout":
			if b.State == projections.Stopped {
				ids = append(ids, b.ID)
			}
		}
	}
	return ids
}
