package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	if err := h.end(ctx, r.Grace); err != nil {
		return h.notStopped(ctx, err, reason)
	}
	if err := h.stopped(ctx, reason); err != nil {
		return about(h.b.Slug, h.b.Backend, err)
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
	q, cancel := context.WithTimeout(ctx, grace+h.m.EngineTimeout)
	defer cancel()
	err = be.Stop(q, h.ref(), grace)
	h.m.At("stop:stopped")
	return h.m.unanswered(ctx, q, placeOf(h.b), err)
}

// stopped records the end of an instance that we ended.
func (h *hold) stopped(ctx context.Context, reason string) error {
	o, err := h.inspect(bookkeeping(ctx))
	if err != nil {
		return fmt.Errorf("it was stopped, but how it ended is not known: %w", err)
	}
	evs := []events.Payload{&events.BottleStopped{Generation: h.b.Generation, Reason: reason, ExitCode: o.ExitCode}}
	if o.Status == "gone" || o.Status == "replaced" {
		evs = append(evs, &events.BottleObserved{Status: string(o.Status), Expected: string(projections.Stopped)})
	}
	return h.outcome(ctx, evs...)
}

// notStopped decides what a failed stop means. The engine may have gone on
// after our call was cut off, so it is asked; if it does not answer the claim
// stays open, since the wish to stop it stays true.
func (h *hold) notStopped(ctx context.Context, cause error, reason string) error {
	o, err := h.inspect(bookkeeping(ctx))
	if err != nil {
		return h.leaveOpen(cause, err)
	}
	if o.Status == "running" || o.Status == "paused" || o.Status == "unresponsive" {
		return h.fail(ctx, events.ActionStop, cause)
	}
	return errors.Join(h.stopped(ctx, reason), ctx.Err())
}

// Restart stops a bottle and resumes it detached.
func (m *Manager) Restart(ctx context.Context, id string, r StopRequest) error {
	if err := m.Stop(ctx, id, r); err != nil {
		return err
	}
	_, err := m.Resume(ctx, id, ResumeRequest{})
	return err
}
