package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Send types a text into the terminal of a running bottle's agent and returns
// when the terminal has taken it. It claims nothing. The log has how much was
// sent, never what.
func (m *Manager) Send(ctx context.Context, id string, text io.Reader, o guest.SendOptions) error {
	b, be, err := m.use(ctx, id, projections.Attach)
	if err != nil {
		return as("send", err)
	}
	defer be.Close()
	counted := &counter{from: text}
	m.At("send:send")
	err = m.session(ctx, be, b, func(conn io.ReadWriteCloser) error { return guest.Send(ctx, conn, counted, o) })
	if n := counted.n.Load(); n > 0 {
		// What was read may have arrived, in part or as a whole.
		if _, nerr := m.note(bookkeeping(ctx), id, &events.InputSent{Bytes: n}); nerr != nil {
			err = errors.Join(err, nerr)
		}
	}
	return about(b.Slug, b.Backend, err)
}

// as tells a refusal in the words of the verb that met it.
func as(verb projections.Action, err error) error {
	var r *projections.Refusal
	if !errors.As(err, &r) {
		return err
	}
	told := *r
	told.Action = verb
	return &told
}

// counter counts what is read.
type counter struct {
	from io.Reader
	n    atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// session talks to the holder of a bottle's agent. An instance without one,
// whose engine keeps no screen, is named.
func (m *Manager) session(ctx context.Context, be backends.Backend, b projections.Bottle, use func(io.ReadWriteCloser) error) error {
	if b.AgentByExec() {
		return byExec(b)
	}
	err := be.Session(ctx, m.refOf(b), use)
	if errors.Is(err, backends.ErrUnsupported) {
		return &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle attach " + b.Slug, Err: err,
			Message: fmt.Sprintf("the agent of bottle %s has no session holder, so its screen is known to nobody and only attach reaches it", b.Slug)}
	}
	return err
}

// byExec says that an imported bottle's agent is nobody to talk to.
func byExec(b projections.Bottle) error {
	return &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Next: b.ExecLine(),
		Message: fmt.Sprintf("bottle %s was imported: its agent is no main process to attach to, but runs by exec", b.Slug)}
}

// Screen is what the terminal of a running bottle's agent shows, as lines of
// text with or without colours. It appends nothing.
func (m *Manager) Screen(ctx context.Context, b projections.Bottle, styled bool) (s guest.Status, text []byte, err error) {
	err = m.ask(ctx, b, func(ctx context.Context, conn io.ReadWriteCloser) (err error) {
		s, text, err = guest.Screen(ctx, conn, styled)
		return err
	})
	return s, text, as("show --screen", err)
}

// ask puts one question to the holder of a bottle's agent, for no longer than
// an engine may take to answer. It appends nothing.
func (m *Manager) ask(ctx context.Context, b projections.Bottle, question func(context.Context, io.ReadWriteCloser) error) error {
	if _, err := b.Can(projections.Attach); err != nil {
		return err
	}
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return about(b.Slug, b.Backend, err)
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	err = m.session(q, be, b, func(conn io.ReadWriteCloser) error { return question(q, conn) })
	return about(b.Slug, b.Backend, m.unanswered(ctx, q, placeOf(b), err))
}

// Activity is what an agent does.
type Activity struct {
	guest.Status
	// Exited says that it ended by itself, in which nobody has a hand: its
	// bottle wants attention, too.
	Exited bool
	Err    error // it could not be asked
}

// asksAtOnce is how many agents are asked side by side.
const asksAtOnce = 8

// Activity asks the agents of bottles what they do, by bottle id. It appends
// nothing. A bottle that does not run is answered from the log.
func (m *Manager) Activity(ctx context.Context, bottles []projections.Bottle) map[string]Activity {
	out := make(map[string]Activity, len(bottles))
	var mu sync.Mutex
	var asked sync.WaitGroup
	places := make(chan struct{}, asksAtOnce)
	for _, b := range bottles {
		if b.State != projections.Running {
			out[b.ID] = Activity{Exited: exitedByItself(b)}
			continue
		}
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			var a Activity
			a.Err = m.ask(ctx, b, func(ctx context.Context, conn io.ReadWriteCloser) (err error) {
				a.Status, err = guest.Look(ctx, conn)
				a.Exited = a.ExitCode != nil
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			out[b.ID] = a
		})
	}
	asked.Wait()
	return out
}

func exitedByItself(b projections.Bottle) bool {
	return b.State == projections.Running && b.ExitCode != nil || b.State == projections.Stopped && (b.Reason == events.ReasonAgentExited || b.Reason == events.ReasonCrashed)
}

// waitAttention blocks until a running agent wants attention, or ends.
func (m *Manager) waitAttention(ctx context.Context, b projections.Bottle, a *Activity) (came bool, err error) {
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return false, err
	}
	defer be.Close()
	err = m.session(ctx, be, b, func(conn io.ReadWriteCloser) error {
		s, over, err := guest.WaitAttention(ctx, conn)
		came, a.Status = err == nil && !over, s
		return err
	})
	return came, err
}
