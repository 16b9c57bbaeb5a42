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

// ErrLeave as the cause of a cancelled context means: leave the agent
// running and go. A closed terminal says so.
var ErrLeave = errors.New("left")

// settleTime is how long an engine may take to notice that a main process
// whose streams ended is over.
const settleTime = 5 * time.Second

// attachment is a connection to a bottle's main process.
type attachment struct {
	be     backends.Backend
	cancel context.CancelFunc
	done   chan struct{} // closed when how and err are set
	how    backends.Detachment
	err    error
}

// attach connects to the main process and returns once connected. started
// says that the process runs already.
func (m *Manager) attach(caller context.Context, b projections.Bottle, fg Foreground, started bool) (*attachment, error) {
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(bookkeeping(caller)) // ended by close alone: leaving is decided in follow
	a := &attachment{be: be, cancel: cancel, done: make(chan struct{})}
	ready := make(chan struct{})
	o := backends.AttachOptions{TTY: b.Spec.TTY, ReadOnly: fg.ReadOnly, DetachKeys: fg.DetachKeys, Started: started}
	go func() {
		defer close(a.done)
		a.how, a.err = be.Attach(ctx, m.refOf(b), o, fg.Streams, func() { close(ready) })
	}()
	select {
	case <-ready:
		return a, nil
	case <-a.done:
		err = a.err
		if err == nil {
			err = fmt.Errorf("the attachment ended before it began")
		}
	case <-caller.Done():
		err = caller.Err()
	case <-time.After(m.EngineTimeout):
		err = &backends.Unavailable{Backend: b.Backend, Endpoint: b.Endpoint, Hint: "bot-bottle doctor",
			Why: fmt.Sprintf("the engine did not answer within %s", m.EngineTimeout)}
	}
	a.close()
	return nil, err
}

// close ends the connection and waits until nothing more is written to the
// caller's streams, but not for a stream that takes nothing.
func (a *attachment) close() {
	a.cancel()
	select {
	case <-a.done:
	case <-time.After(time.Second):
	}
	_ = a.be.Close() // it has served
}

// follow waits until the main process ends or the user leaves, and records
// what came of it. owned says that Ctrl-C ends the work: a foreground start,
// not an attach to something that runs anyway.
func (m *Manager) follow(ctx context.Context, b projections.Bottle, a *attachment, owned bool) (Outcome, error) {
	out := Outcome{Bottle: b, Attached: true}
	select {
	case <-a.done:
	case <-ctx.Done():
		a.close()
		if !owned || errors.Is(context.Cause(ctx), ErrLeave) {
			out.Detached = true
			return out, nil
		}
		err := m.stop(bookkeeping(ctx), b.ID, StopRequest{Grace: defaultGrace}, events.ReasonInterrupted)
		if isBusy(err) {
			m.warn(b.Slug, err.Error()+"; it is left to that one")
			err = nil
		}
		return out, errors.Join(ctx.Err(), err)
	}
	if a.err != nil {
		return out, about(b.Slug, b.Backend, a.err)
	}
	if a.how == backends.Detached {
		out.Detached = true
		return out, nil
	}
	return m.conclude(bookkeeping(ctx), out)
}

// conclude records the end of a main process that was watched, and tells its
// exit code, whoever else records or removes the bottle meanwhile.
func (m *Manager) conclude(ctx context.Context, out Outcome) (Outcome, error) {
	o, err := m.awaitEnd(ctx, out.Bottle)
	if err != nil {
		return out, about(out.Bottle.Slug, out.Bottle.Backend, err)
	}
	if o.Status == backends.StatusStopped || o.AgentEnded {
		out.ExitCode = o.ExitCode
	}
	m.At("follow:ended")
	h, err := m.own(ctx, out.Bottle.ID, true)
	switch {
	case isBusy(err):
		out.Bottle, err = m.load(ctx, out.Bottle.ID)
	case err == nil:
		defer h.release()
		out.Removed, err = h.removeAfter(ctx)
		out.Bottle = h.b
	}
	if over := out.Bottle.State; out.ExitCode == nil && (over == projections.Stopped || over == projections.Removed) {
		out.ExitCode = out.Bottle.ExitCode
	}
	return out, err
}

// awaitEnd is how the main process ended. One that goes on although its
// streams ended is no error.
func (m *Manager) awaitEnd(ctx context.Context, b projections.Bottle) (backends.Observation, error) {
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return backends.Observation{}, err
	}
	defer be.Close()
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if b.Spec.KeepRunning {
		if o, err := be.Inspect(wait, m.refOf(b)); err != nil || o.AgentEnded {
			return o, err
		}
	}
	o, err := be.Wait(wait, m.refOf(b))
	if err != nil && wait.Err() != nil {
		return backends.Observation{}, nil
	}
	return o, err
}

// Attach connects the caller to the agent of a running bottle.
func (m *Manager) Attach(ctx context.Context, id string, fg Foreground) (Outcome, error) {
	h, err := m.own(ctx, id, true)
	if err != nil {
		return Outcome{}, err
	}
	defer h.release()
	m.contradict(h.b)
	if _, err := h.b.Can(projections.Attach); err != nil {
		return Outcome{Bottle: h.b}, err
	}
	if h.b.ExitCode != nil {
		return Outcome{Bottle: h.b}, &Problem{Code: CodeWrongState, Slug: h.b.Slug, Backend: h.b.Backend, Next: "bot-bottle restart " + h.b.Slug,
			Message: fmt.Sprintf("the agent of bottle %s has ended (exit %d), and the bottle goes on without it", h.b.Slug, *h.b.ExitCode)}
	}
	if h.b.AgentByExec() {
		return Outcome{Bottle: h.b}, byExec(h.b)
	}
	a, err := m.attach(ctx, h.b, fg, true)
	if err != nil {
		return Outcome{Bottle: h.b}, about(h.b.Slug, h.b.Backend, err)
	}
	defer a.close()
	if err := h.record(ctx, &events.SessionAttached{ReadOnly: fg.ReadOnly}); err != nil {
		return Outcome{Bottle: h.b}, about(h.b.Slug, h.b.Backend, err)
	}
	h.release()
	return m.follow(ctx, h.b, a, false)
}

// contradict warns when today's environment would lead elsewhere.
func (m *Manager) contradict(b projections.Bottle) {
	for _, c := range m.contradictions(b.Backend, b.Endpoint) {
		m.warn(b.Slug, c)
	}
}
