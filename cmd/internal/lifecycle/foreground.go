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
func (m *Manager) attach(ctx context.Context, b projections.Bottle, fg Foreground, started bool) (*attachment, error) {
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(bookkeeping(ctx)) // ended by close alone: leaving is decided in follow
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
	case <-time.After(m.EngineTimeout):
		err = &backends.Unavailable{Backend: b.Backend, Endpoint: b.Endpoint, Hint: "bot-bottle doctor",
			Why: fmt.Sprintf("the engine did not answer within %s", m.EngineTimeout)}
	}
	a.close()
	return nil, err
}

func (a *attachment) close() {
	a.cancel()
	a.be.Close()
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

// conclude records the end of a main process that was watched.
func (m *Manager) conclude(ctx context.Context, out Outcome) (Outcome, error) {
	wait, cancel := context.WithTimeout(ctx, settleTime)
	be, err := m.Backends.Open(out.Bottle.Backend, out.Bottle.Endpoint)
	if err == nil {
		_, err = be.Wait(wait, m.refOf(out.Bottle))
		be.Close()
	}
	cancel()
	if err != nil && wait.Err() == nil {
		return out, about(out.Bottle.Slug, out.Bottle.Backend, err)
	}
	h, err := m.own(ctx, out.Bottle.ID, true)
	var busy *Problem
	if errors.As(err, &busy) && busy.Code == CodeBusy {
		// somebody else is ending it and records that; only the code is ours to tell
		out.Bottle, err = m.load(ctx, out.Bottle.ID)
		return out, err
	}
	if err != nil {
		return out, err
	}
	out.Bottle = h.b
	h.release()
	if out.Bottle.State == projections.Stopped {
		out.ExitCode = out.Bottle.ExitCode
	}
	out.Removed, err = m.removeAfter(ctx, out.Bottle)
	return out, err
}

// removeAfter carries out --rm: a bottle whose agent ended with 0 is removed,
// unless work would go with it.
func (m *Manager) removeAfter(ctx context.Context, b projections.Bottle) (bool, error) {
	if !b.Spec.RemoveAfter || b.State != projections.Stopped || b.Reason != events.ReasonAgentExited {
		return false, nil
	}
	keep := false
	err := m.Remove(ctx, b.ID, RemoveRequest{Confirm: func(holds string) (bool, error) {
		keep = true
		m.warn(b.Slug, fmt.Sprintf("kept in spite of --rm: its clone holds %s", holds))
		return false, nil
	}})
	if keep {
		return false, nil
	}
	return err == nil, err
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
