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

// build makes the instance that the open claim names and records it. Should
// the outcome stay unknown, because the engine does not answer any more, the
// claim is left open for the next command to settle.
//
// argv replaces the recorded words when there are any.
func (h *hold) build(ctx context.Context, img backends.Image, env []string, argv ...string) error {
	m, p := h.m, h.b.Pending
	labels := backends.Labels{Home: m.Log.HomeID(), Bottle: h.b.ID, Nonce: p.Nonce, Generation: p.Generation}
	spec := m.instanceSpec(recorded(h.b), labels, img, env)
	if len(argv) > 0 {
		spec.Argv, h.other = argv, true
	}
	spec.Resource = func(l backends.Leftover) error {
		m.At(p.Action + ":resource")
		return h.createResource(ctx, l.Kind, l.Ref)
	}
	be, err := h.backend()
	if err != nil {
		return h.fail(ctx, p.Action, err)
	}
	m.At(p.Action + ":create")
	q, cancel := m.bounded(ctx)
	defer cancel()
	inst, err := be.Create(q, spec)
	m.At(p.Action + ":created")
	if err != nil {
		return h.notBuilt(ctx, m.unanswered(ctx, q, placeOf(h.b), err), img)
	}
	h.env = env
	err = h.record(ctx, m.instanceEvent(h.b, inst, img))
	if err != nil {
		return about(h.b.Slug, h.b.Backend, err)
	}
	m.step(h.b.Slug, "InstanceCreated", fmt.Sprintf("%s from %s", h.b.InstanceName, h.b.Spec.Image))
	m.At(p.Action + ":built")
	return nil
}

// notBuilt decides what a failed creation means. What exists is recorded.
func (h *hold) notBuilt(ctx context.Context, cause error, img backends.Image) error {
	o, err := h.find(bookkeeping(ctx))
	switch {
	case err != nil:
		return h.leaveOpen(cause, err)
	case o.Status != backends.StatusGone:
		cause = errors.Join(cause, h.found(bookkeeping(ctx), o, img))
	case cutOff(cause):
		return h.leaveOpen(cause, nil)
	}
	return h.fail(ctx, h.b.Pending.Action, h.named(cause))
}

// found records the instance of the open claim, whose creation had no answer.
func (h *hold) found(ctx context.Context, o backends.Observation, img backends.Image) error {
	engine, version := h.engineID(ctx)
	return h.record(ctx, h.m.instanceEvent(h.b, backends.Instance{ID: o.ID, Runtime: o.Runtime, EngineID: engine, Version: version, Session: o.Session}, img))
}

// engineID asks who the engine is; unknown stays unknown.
func (h *hold) engineID(ctx context.Context) (id, version string) {
	q, cancel := h.m.bounded(ctx)
	defer cancel()
	e, err := h.be.Probe(q)
	if err != nil {
		return "", ""
	}
	return e.ID, e.Version
}

// leaveOpen returns the error of an action whose outcome nobody knows yet:
// cause cut it off, and unknown is why asking did not help; either may be nil.
func (h *hold) leaveOpen(cause, unknown error) error {
	err := cause
	switch {
	case cause == nil:
		err = unknown
	case unknown != nil:
		err = fmt.Errorf("%w, and then: %w", cause, unknown)
	}
	return &OfBottle{Slug: h.b.Slug, Backend: h.b.Backend, Next: "bot-bottle recover",
		Err: fmt.Errorf("what came of it is unknown, and the next command settles it: %w", err)}
}

// named says more of a creation that a stranger's instance is in the way of.
func (h *hold) named(err error) error {
	if !errors.Is(err, backends.ErrNotOurs) {
		return err
	}
	return &Problem{Code: CodeNameTaken, Slug: h.b.Slug, Backend: h.b.Backend, Err: err,
		Message: fmt.Sprintf("%s has an instance %s that is not this bottle's, and it is left alone", h.b.Backend, h.b.InstanceName),
		Next:    "bot-bottle rm " + h.b.Slug}
}

func (m *Manager) instanceEvent(b projections.Bottle, inst backends.Instance, img backends.Image) *events.InstanceCreated {
	return &events.InstanceCreated{
		Generation: b.Pending.Generation, InstanceName: b.InstanceName, InstanceID: inst.ID, Nonce: b.Pending.Nonce,
		ImageID: img.ID, ImageDigest: img.Digest, Runtime: inst.Runtime, EngineID: inst.EngineID, BackendVersion: inst.Version,
		Session: orElse(inst.Session, SessionEngine),
	}
}

// find looks for the instance of the open claim, by name and nonce.
func (h *hold) find(ctx context.Context) (backends.Observation, error) {
	be, err := h.backend()
	if err != nil {
		return backends.Observation{}, err
	}
	q, cancel := h.m.bounded(ctx)
	defer cancel()
	p := h.b.Pending
	o, err := be.Find(q, backends.Labels{Home: h.m.Log.HomeID(), Bottle: h.b.ID, Nonce: p.Nonce, Generation: p.Generation}, h.b.InstanceName)
	if err != nil {
		return o, h.m.unanswered(ctx, q, placeOf(h.b), err)
	}
	return o, nil
}

// run starts the instance of the open claim and records that it runs, then
// follows it in the foreground if there is one. It releases the bottle before
// it waits for anything.
func (h *hold) run(ctx context.Context, fg *Foreground) (Outcome, error) {
	m, action, gen := h.m, h.b.Pending.Action, h.b.Pending.Generation
	be, err := h.backend()
	if err != nil {
		return Outcome{Bottle: h.b}, h.fail(ctx, action, err)
	}
	var at *attachment
	if fg != nil {
		if at, err = m.attach(ctx, h.b, *fg, false); err != nil {
			return Outcome{Bottle: h.b}, h.fail(ctx, action, err)
		}
		defer at.close()
	}
	m.At(action + ":start")
	q, cancel := boundedBy(ctx, m.EngineTimeout+m.startTime(h.b.Backend))
	defer cancel()
	err = be.Start(q, h.ref(), h.env)
	m.At(action + ":started")
	if err != nil {
		err = m.unanswered(ctx, q, placeOf(h.b), err)
		if err = h.notStarted(ctx, action, err); err != nil {
			return Outcome{Bottle: h.b}, err
		}
	}
	if err := h.outcome(ctx, &events.BottleStarted{Generation: gen, Action: action, OtherArgv: h.other}); err != nil {
		return Outcome{Bottle: h.b}, about(h.b.Slug, h.b.Backend, err)
	}
	m.step(h.b.Slug, "BottleStarted", fmt.Sprintf("%s runs", h.b.Slug))
	if at == nil {
		return Outcome{Bottle: h.b}, nil
	}
	if err := h.record(ctx, &events.SessionAttached{}); err != nil {
		return Outcome{Bottle: h.b}, about(h.b.Slug, h.b.Backend, err)
	}
	h.release() // others may act on the bottle while we watch
	return m.follow(ctx, h.b, at, true)
}

// startTime is what a kind's Start may take beside an answer.
func (m *Manager) startTime(kind string) time.Duration {
	k, err := m.Backends.Kind(kind)
	if err != nil {
		return 0
	}
	return k.StartTime
}

// notStarted decides what a failed start means. nil: it runs after all. After
// Ctrl-C it is ended for certain, since the engine may start it yet; a closed
// terminal ends nothing.
func (h *hold) notStarted(ctx context.Context, action string, cause error) error {
	o, err := h.inspect(bookkeeping(ctx))
	switch {
	case err != nil:
		return h.leaveOpen(cause, err)
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrLeave):
		err := h.finish(bookkeeping(ctx), defaultGrace, events.ReasonInterrupted)
		return about(h.b.Slug, h.b.Backend, errors.Join(cause, err))
	case o.Status == backends.StatusRunning:
		return nil
	case cutOff(cause):
		return h.leaveOpen(cause, nil)
	}
	if err := h.free(bookkeeping(ctx), o); err != nil {
		return h.leaveOpen(cause, err)
	}
	if action == events.ActionStart && o.Status != backends.StatusGone {
		return h.fail(ctx, action, startCode(o, cause), "instance "+h.b.InstanceName)
	}
	return h.fail(ctx, action, startCode(o, cause))
}

// startCode reads how a main process that never ran failed: engines leave the
// shell's convention in the exit code.
func startCode(o backends.Observation, cause error) error {
	if o.ExitCode == nil {
		return cause
	}
	switch {
	case *o.ExitCode == 127 && !errors.Is(cause, backends.ErrCommandNotFound):
		return fmt.Errorf("%w: %w", backends.ErrCommandNotFound, cause)
	case *o.ExitCode == 126 && !errors.Is(cause, backends.ErrNotExecutable):
		return fmt.Errorf("%w: %w", backends.ErrNotExecutable, cause)
	}
	return cause
}
