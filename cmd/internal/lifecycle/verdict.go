package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// verdict says which events bring the log in line with what the engine sees
// of a bottle that nobody acts on. It is pure: none when they agree.
// rebooted says that the machine was started anew since the bottle was.
func verdict(b projections.Bottle, o backends.Observation, rebooted bool) []events.Payload {
	if b.Instance == nil || b.State == projections.Removed {
		return nil
	}
	observed := func() []events.Payload {
		if b.Observed == string(o.Status) {
			return nil
		}
		return []events.Payload{&events.BottleObserved{Status: string(o.Status), Expected: string(b.State), Detail: oneLine(o.Detail)}}
	}
	switch o.Status {
	case backends.StatusGone, backends.StatusReplaced:
		if b.State == projections.Lost {
			return nil
		}
		return observed()
	case backends.StatusPaused, backends.StatusUnresponsive:
		return observed()
	case backends.StatusRunning:
		switch b.State {
		case projections.Running:
			var evs []events.Payload
			if b.Observed != "" {
				evs = observed() // it answers again
			}
			if o.AgentEnded && b.ExitCode == nil {
				evs = append(evs, exited(o))
			}
			return evs
		case projections.Lost:
			return observed()
		}
		return []events.Payload{&events.BottleStarted{Generation: b.Generation, Action: "observed"}}
	case backends.StatusCreated, backends.StatusStopped:
		switch b.State {
		case projections.Lost:
			return observed()
		case projections.Running:
			return ended(b.Generation, o, rebooted)
		}
	}
	return nil
}

// isThere says that an instance was not ended: it runs, or is frozen.
func isThere(o backends.Observation) bool {
	return o.Status == backends.StatusRunning || o.Status == backends.StatusPaused || o.Status == backends.StatusUnresponsive
}

// isLost says that there is no such instance any more.
func isLost(o backends.Observation) bool {
	return o.Status == backends.StatusGone || o.Status == backends.StatusReplaced
}

// ended is what is recorded when the main process ended by itself or behind
// our back.
func ended(generation int, o backends.Observation, rebooted bool) []events.Payload {
	reason := whyEnded(o, rebooted)
	stopped := &events.BottleStopped{Generation: generation, Reason: reason, ExitCode: o.ExitCode}
	if reason == events.ReasonEngine {
		return []events.Payload{stopped}
	}
	return []events.Payload{exited(o), stopped}
}

func exited(o backends.Observation) *events.AgentExited {
	return &events.AgentExited{Source: "engine", ExitCode: o.ExitCode, ExitedAt: o.EndedAt.UTC(), OOM: o.OOMKilled}
}

// Exit codes of a process that another one ended: 128 plus SIGTERM or SIGKILL.
const (
	exitTerm = 128 + 15
	exitKill = 128 + 9
)

// whyEnded tells "it ended" from "it was ended". An agent that kills itself
// with TERM or KILL looks like the latter; no engine tells them apart.
func whyEnded(o backends.Observation, rebooted bool) string {
	switch {
	case o.OOMKilled:
		return events.ReasonOutOfMemory
	case rebooted || o.ExitCode == nil:
		return events.ReasonEngine
	case *o.ExitCode == 0:
		return events.ReasonAgentExited
	case *o.ExitCode == exitTerm || *o.ExitCode == exitKill:
		return events.ReasonEngine
	}
	return events.ReasonCrashed
}

// reconcile asks the engine about the bottle and records what it says where
// the log says otherwise. A bottle that has no instance is not asked about.
func (h *hold) reconcile(ctx context.Context) (backends.Observation, error) {
	o := backends.Observation{Status: backends.StatusGone}
	if h.b.Instance == nil || h.b.State == projections.Removed {
		return o, nil
	}
	o, err := h.inspect(ctx)
	if err != nil {
		return o, err
	}
	evs := verdict(h.b, o, h.m.rebooted(h.b))
	if err := h.free(ctx, o); err != nil {
		return o, err
	}
	if len(evs) == 0 {
		return o, nil
	}
	return o, h.record(ctx, evs...)
}

// free stops what an engine still holds for a main process that has ended:
// before the end is recorded, so that nobody who is ended in between leaves
// it behind for good.
func (h *hold) free(ctx context.Context, o backends.Observation) error {
	if !o.Lingers {
		return nil
	}
	h.m.At("reconcile:lingers")
	return h.end(ctx, 0)
}

// inspect asks about the instance. That it is gone is believed only of the
// engine that made it.
func (h *hold) inspect(ctx context.Context) (backends.Observation, error) {
	be, err := h.backend()
	if err != nil {
		return backends.Observation{}, err
	}
	return h.m.inspect(ctx, be, h.b)
}

func (m *Manager) inspect(ctx context.Context, be backends.Backend, b projections.Bottle) (backends.Observation, error) {
	q, cancel := m.bounded(ctx)
	defer cancel()
	o, err := be.Inspect(q, m.refOf(b))
	if err != nil {
		return o, m.unanswered(ctx, q, placeOf(b), err)
	}
	if !isLost(o) {
		return o, nil
	}
	if ref := m.refOf(b); o.Labels.Bottle == b.ID && o.Labels.Nonce == ref.Nonce && o.Labels.Home != ref.Home {
		return o, notThisHome(b, o)
	}
	return o, m.sameEngine(ctx, be, b)
}

// notThisHome says that the very instance is there, but made by another home:
// the log was restored here without taking the old home over.
func notThisHome(b projections.Bottle, o backends.Observation) error {
	return &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend,
		Message: fmt.Sprintf("bottle %s: its instance belongs to home %s, whose log was restored here without --take-over, and is left alone", b.Slug, o.Labels.Home),
		Next:    "bot-bottle export --out FILE, then into an empty home: bot-bottle restore --take-over FILE"}
}

// errOtherEngine says that what answers is no substitute for what was recorded.
var errOtherEngine = errors.New("this is not the recorded engine")

// sameEngine makes sure that the engine at the recorded address is the one
// that was recorded. The same socket can be another engine tomorrow.
func (m *Manager) sameEngine(ctx context.Context, be backends.Backend, b projections.Bottle) error {
	if b.Instance == nil || b.Instance.EngineID == "" {
		return nil
	}
	q, cancel := m.bounded(ctx)
	defer cancel()
	e, err := be.Probe(q)
	if err != nil {
		return m.unanswered(ctx, q, placeOf(b), err)
	}
	if e.ID != "" && e.ID != b.Instance.EngineID {
		return &backends.Unavailable{Backend: b.Backend, Endpoint: b.Endpoint,
			Err:  errOtherEngine,
			Why:  fmt.Sprintf("the engine with id %s answers, and the bottle was made by %s", e.ID, b.Instance.EngineID),
			Hint: "start the engine that made it, or, when that is gone for good: bot-bottle rm --forget " + b.Slug}
	}
	return nil
}

// unanswered turns our own time limit into "the engine did not answer"; the
// caller's cancellation stays what it is.
func (m *Manager) unanswered(ctx, question context.Context, p place, err error) error {
	var late tooLong
	if err != nil && ctx.Err() == nil && errors.As(context.Cause(question), &late) {
		return &backends.Unavailable{Backend: p.backend, Endpoint: p.endpoint, Why: late.Error(), Hint: "bot-bottle doctor"}
	}
	return err
}

// rebooted says whether this machine was started anew since the bottle was.
func (m *Manager) rebooted(b projections.Bottle) bool {
	return b.StartedBoot != "" && m.BootID != "" && b.StartedOn == m.MachineID && b.StartedBoot != m.BootID
}

// longest bounds what is recorded of an engine's words, in bytes.
const longest = 1000

// oneLine makes a line of an engine's words that can be kept and printed.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
