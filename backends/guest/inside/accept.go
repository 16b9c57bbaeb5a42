package inside

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

const (
	// maxClients is how many may be attached at once.
	maxClients = 64
	// maxConnections is how many may be connected: what is only asked is
	// answered while all places are taken, too.
	maxConnections = 2 * maxClients
	// maxTurned is how many are told at once that they are too many.
	maxTurned = 16
	// requestTime is how long one may take to say what it wants.
	requestTime = 10 * time.Second
	// maxNote is how many bytes of a notification are kept.
	maxNote = 512
	// goodbyeTime is how long a client may take to hang up after the end.
	goodbyeTime = 2 * time.Second
)

// attachment is what a client wants.
type attachment struct {
	streams   bool // the output
	readOnly  bool
	attention bool          // it waits for that, or the end
	size      backends.Size // of its terminal; zero: not known
	gone      chan struct{} // closed when it hung up
}

// doors are where a holder is reached.
type doors struct{ front, side *os.File }

func (d doors) Close() {
	d.front.Close()
	d.side.Close()
}

func (h *holder) open() (d doors, err error) {
	if d.front, err = listen(front); err == nil {
		if d.side, err = listen(side); err != nil {
			d.front.Close()
		}
	}
	return d, err
}

// itself is how a conversation is had on a socket itself.
func itself(sock *os.File) (*link, error) { return &link{in: sock, out: sock}, nil }

// accept serves whoever connects, until the listener is closed. talk makes a
// conversation of a connection, which may take a while.
func (h *holder) accept(listener *os.File, talk func(*os.File) (*link, error)) {
	for {
		sock, err := accept(listener, h.mayTalk)
		if err != nil {
			return
		}
		select {
		case h.places <- struct{}{}:
			go func() {
				defer func() { <-h.places }()
				defer sock.Close()
				if conn, err := talk(sock); err == nil {
					h.serve(conn)
				}
			}()
		default:
			h.turned <- struct{}{}
			go func() {
				defer func() { <-h.turned }()
				turnAway(sock, talk)
			}()
		}
	}
}

// turnAway tells one client too many that it is.
func turnAway(sock *os.File, talk func(*os.File) (*link, error)) {
	defer sock.Close()
	if conn, err := talk(sock); err == nil {
		conn.SetDeadline(time.Now().Add(goodbyeTime))
		conn.Write(refusal(errFull))
		conn.Close()
	}
}

// errFull is what one client too many is told.
var errFull = fmt.Errorf("%d are attached to it already: %w", maxClients, backends.ErrInUse)

// refusal is all that somebody hears who is not served.
func refusal(err error) []byte {
	return append([]byte(wire.Greeting), frame(wire.KindFailure, wire.Failed(err))...)
}

// frame is a message of ours, which marshals.
func frame(kind byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte("{}")
	}
	return wire.Append(nil, kind, b)
}

// serve does what one client wants.
func (h *holder) serve(conn *link) {
	defer conn.Close()
	frames := wire.NewReader(conn)
	conn.SetDeadline(time.Now().Add(requestTime))
	if _, err := conn.Write([]byte(wire.Greeting)); err != nil {
		return
	}
	var ask wire.Request
	first, err := frames.Next()
	if err == nil && first.Kind != wire.KindRequest {
		err = wire.ErrFrame
	}
	if err == nil {
		err = first.Decode(&ask)
	}
	if err != nil {
		return
	}
	<-h.ready
	conn.SetDeadline(time.Time{})
	switch ask.Op {
	case wire.OpAttach, wire.OpWait:
		h.attach(conn, frames, ask)
	case wire.OpSignal:
		if err := h.signal(syscall.Signal(ask.Signal)); err != nil {
			refuse(conn, fmt.Errorf("signal %d: %w", ask.Signal, err))
			return
		}
		answer(conn, h.welcome())
	case wire.OpStatus, wire.OpScreen:
		h.look(conn, ask)
	case wire.OpSend:
		h.send(conn, frames, ask)
	case wire.OpNotify:
		h.mu.Lock()
		h.notified(ask.Text[:min(len(ask.Text), maxNote)])
		h.mu.Unlock()
		answer(conn, h.welcome())
	case wire.OpEnv:
		w := wire.Welcome{Run: h.id, Env: wire.Bytes(h.env), User: h.o.user, Home: h.o.home, KeepHome: h.o.keepHome, Workdir: []byte(h.o.workdir), Bounded: h.grp != nil}
		answer(conn, frame(wire.KindWelcome, w))
	default:
		refuse(conn, fmt.Errorf("the holder does not serve %q: %w", ask.Op, backends.ErrBadRequest))
	}
}

// attach joins the streams, and takes what the client types until it leaves.
func (h *holder) attach(conn *link, frames *wire.Reader, ask wire.Request) {
	a := &attachment{streams: ask.Op == wire.OpAttach, readOnly: ask.ReadOnly || ask.Op == wire.OpWait,
		attention: ask.Attention, size: ask.Size, gone: make(chan struct{})}
	var refresh func(*client)
	if a.streams && h.o.tty {
		refresh = h.refresh
	}
	c := newClient(conn, refresh)
	defer close(a.gone)
	defer h.leave(c)
	if !h.join(c, a, ask) {
		c.finish(frame(wire.KindFailure, wire.Failed(errFull)))
		conn.SetReadDeadline(time.Now().Add(goodbyeTime)) // for it to hang up
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	for {
		f, err := frames.Next()
		if err != nil {
			return
		}
		switch f.Kind {
		case wire.KindIn:
			n := len(f.Payload)
			if !c.spend(n) {
				return // it sends more than it may
			}
			i := input{taken: func() { c.earn(n) }}
			if !a.readOnly {
				h.touch(c, a)
				i.b = append([]byte(nil), f.Payload...)
			}
			h.typed(i)
		case wire.KindInEnd:
			if !a.readOnly && !h.o.tty { // a terminal has no end
				h.typed(input{end: true})
			}
		case wire.KindSize:
			size, err := f.Size()
			if err != nil {
				return
			}
			if !a.readOnly {
				h.sized(c, a, size)
			}
		default:
			return
		}
	}
}

// typed passes on what somebody typed.
func (h *holder) typed(i input) {
	if h.in != nil { // there is an agent
		h.in.add(i)
	}
}

// join makes a client see the output from now on, after what it asked for,
// unless all places are taken.
func (h *holder) join(c *client, a *attachment, ask wire.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.clients) >= maxClients {
		return false
	}
	h.clients[c] = a
	if a.streams && !a.readOnly {
		h.attended()
		if h.writers() == 1 {
			h.fit(c, a.size)
		}
	}
	w := wire.Welcome{Run: h.id, TTY: h.o.tty, Stdin: h.o.stdin}
	var first [][]byte
	switch {
	case !a.streams:
	case h.show.screen != nil && (ask.Redraw || ask.Replay && h.kept.missed > 0):
		first = h.redraw(screen.Append)
	case ask.Replay:
		w.Missed = h.kept.missed
		first = h.kept.frames()
	}
	c.put(frame(wire.KindWelcome, w))
	c.put(first...)
	switch {
	case h.last != nil:
		c.finish(h.last)
	case a.attention && h.show.attention != "":
		c.finish(frame(wire.KindStatus, h.status()))
	}
	return true
}

func (h *holder) leave(c *client) {
	h.mu.Lock()
	delete(h.clients, c)
	if h.show.owner == c {
		h.show.owner = nil
	}
	h.mu.Unlock()
	c.drop()
}

// end records the end of the run and tells every client.
func (h *holder) end(r *wire.Record, kind byte, word any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recordLocked(r)
	h.last, h.exit = frame(kind, word), r.Exit
	for c := range h.clients {
		if c.behind() {
			c.resume(h.redraw(screen.Omit))
		}
		c.finish(h.last)
	}
}

// goodbye waits until the clients have taken what there is for them, and have
// passed it on: they hang up then, and what becomes of them when this process
// ends is the engine's choice.
func (h *holder) goodbye() {
	h.mu.Lock()
	left := maps.Clone(h.clients)
	h.mu.Unlock()
	late := make(chan struct{})
	defer time.AfterFunc(goodbyeTime, func() { close(late) }).Stop()
	answered := make(chan struct{})
	go func() {
		h.answers.Wait()
		close(answered)
	}()
	defer func() {
		select {
		case <-answered:
		case <-late:
		}
	}()
	for c, a := range left {
		if !c.flush() {
			continue
		}
		select {
		case <-a.gone:
		case <-late:
			return
		}
	}
}
