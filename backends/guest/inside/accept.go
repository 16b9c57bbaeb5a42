package inside

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
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
		answer(conn, h.welcome(0))
	case wire.OpStatus, wire.OpScreen:
		h.look(conn, ask)
	case wire.OpSend:
		h.send(conn, frames, ask)
	case wire.OpNotify:
		h.mu.Lock()
		h.notified(ask.Text[:min(len(ask.Text), maxNote)])
		h.mu.Unlock()
		answer(conn, h.welcome(0))
	case wire.OpEnv:
		w := wire.Welcome{Run: h.id, Env: wire.Bytes(h.env), User: h.o.User, Home: h.o.Home, KeepHome: h.o.KeepHome, Workdir: []byte(h.o.Workdir), Bounded: h.grp != nil}
		answer(conn, frame(wire.KindWelcome, w))
	default:
		refuse(conn, fmt.Errorf("the holder does not serve %q: %w", ask.Op, backends.ErrBadRequest))
	}
}
