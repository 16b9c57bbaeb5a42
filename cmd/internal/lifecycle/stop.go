package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// defaultGrace is how long an agent may take to end by itself, as docker's.
const defaultGrace = 10 * time.Second

// Stop ends the agent of a bottle: gracefully, then hard. The disk and the
// history stay. Stopped already: nil.
func (m *Manager) Stop(ctx context.Context, id string, r StopRequest) error {
	return m.stop(ctx, id, r, events.ReasonUser)
}

func (m *Manager) stop(ctx context.Context, id string, r StopRequest, reason string) error {
	h, err := m.own(ctx, id, true)
	if err != nil {
		return err
	}
	defer h.release()
	m.contradict(h.b)
	if done, err := h.b.Can(projections.Stop); done || err != nil {
		return err
	}
	if r.Kill {
		r.Grace = 0
	}
	claim := &events.ActionRequested{Action: events.ActionStop, Generation: h.b.Generation, GraceMS: r.Grace.Milliseconds(), Force: r.Kill}
	if err := h.request(ctx, claim, allows(projections.Stop)); err != nil {
		return about(h.b.Slug, h.b.Backend, err)
	}
	m.step(h.b.Slug, "ActionRequested", fmt.Sprintf("stopping %s", h.b.Slug))
	if err := h.finish(ctx, r.Grace, reason); err != nil {
		return err
	}
	m.step(h.b.Slug, "BottleStopped", fmt.Sprintf("stopped %s", h.b.Slug))
	return nil
}

// end stops the instance and waits for it: the time for grace besides the
// time for the engine's answer.
func (h *hold) end(ctx context.Context, grace time.Duration) error {
	be, err := h.backend()
	if err != nil {
		return err
	}
	h.m.At("stop:stop")
	q, cancel := boundedBy(ctx, grace+h.m.EngineTimeout)
	defer cancel()
	err = be.Stop(q, h.ref(), grace)
	h.m.At("stop:stopped")
	return h.m.unanswered(ctx, q, placeOf(h.b), err)
}

// finish ends the instance and closes the open claim with how it ended, for
// the reason given. Where the engine did not answer to the end, what it says
// of a running instance may be over in a moment: the claim stays open, since
// the wish to end it stays true.
func (h *hold) finish(ctx context.Context, grace time.Duration, reason string) error {
	cause := h.end(ctx, grace)
	o, err := h.inspect(bookkeeping(ctx))
	switch {
	case err != nil:
		return h.leaveOpen(cause, err)
	case !isThere(o):
		return about(h.b.Slug, h.b.Backend, h.outcome(ctx, howStopped(h.b.Generation, o, reason)...))
	case cutOff(cause):
		return h.leaveOpen(cause, nil)
	case cause == nil:
		cause = errors.New("somebody started it again")
	}
	return h.fail(ctx, h.b.Pending.Action, cause)
}

// howStopped is what is recorded of an instance that we ended.
func howStopped(generation int, o backends.Observation, reason string) []events.Payload {
	evs := []events.Payload{&events.BottleStopped{Generation: generation, Reason: reason, ExitCode: o.ExitCode}}
	if isLost(o) {
		evs = append(evs, &events.BottleObserved{Status: string(o.Status), Expected: string(projections.Stopped)})
	}
	return evs
}

// Restart stops a bottle and resumes it detached. Where the values of its
// variables are needed again and one is missing, it is not stopped.
func (m *Manager) Restart(ctx context.Context, id string, r StopRequest) error {
	b, err := m.load(ctx, id)
	if err != nil {
		return err
	}
	if b.Instance != nil && b.State == projections.Running {
		if _, err := m.envOfStart(b, ResumeRequest{}); err != nil {
			return restartLacks(b, err)
		}
	}
	if err := m.Stop(ctx, id, r); err != nil {
		return err
	}
	_, err = m.Resume(ctx, id, ResumeRequest{})
	return err
}

// restartLacks leads who lacks a value to the two verbs, of which the second
// takes it.
func restartLacks(b projections.Bottle, err error) error {
	var p *Problem
	if errors.As(err, &p) && p.Code == CodeWrongState {
		p.Next = "bot-bottle stop " + b.Slug + ", then " + p.Next
	}
	return err
}
