package inside

import (
	"maps"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// attachment is what a client wants.
type attachment struct {
	streams   bool // the output
	readOnly  bool
	attention bool          // it waits for that, or the end
	size      backends.Size // of its terminal; zero: not known
	gone      chan struct{} // closed when it hung up
}

// attach joins the streams, and takes what the client types until it leaves.
func (h *holder) attach(conn *link, frames *wire.Reader, ask wire.Request) {
	a := &attachment{streams: ask.Op == wire.OpAttach, readOnly: ask.ReadOnly || ask.Op == wire.OpWait,
		attention: ask.Attention, size: ask.Size, gone: make(chan struct{})}
	var refresh func(*client)
	if a.streams && h.o.TTY {
		refresh = h.refresh
	}
	c := newClient(conn, refresh)
	defer close(a.gone)
	defer h.leave(c)
	if !h.join(c, a, ask) {
		c.finish(frame(wire.KindFailure, wire.Failed(errFull)))
		conn.hangUp()
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
			if !a.readOnly && !h.o.TTY { // a terminal has no end
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
	var missed int64
	var first [][]byte
	switch {
	case !a.streams:
	case h.show.screen != nil && (ask.Redraw || ask.Replay && h.kept.missed > 0):
		first = h.redraw(screen.Append)
	case ask.Replay:
		missed = h.kept.missed
		first = h.kept.frames()
	}
	c.put(h.welcome(missed))
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
	for c, a := range left {
		if c.flush() && !before(a.gone, late) {
			return
		}
	}
	before(answered, late)
}

// before waits for the first of two, and says whether it was the one.
func before(one, other <-chan struct{}) bool {
	select {
	case <-one:
		return true
	case <-other:
		return false
	}
}
