package inside

import (
	"bytes"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// answer says the last word to a client that only asked.
func answer(conn *link, said ...[]byte) {
	all := append(said, frame(wire.KindExit, wire.Exit{}))
	conn.Write(bytes.Join(all, nil)) // it may have left
}

func refuse(conn *link, err error) { conn.Write(frame(wire.KindFailure, wire.Failed(err))) }

// welcome begins a conversation; missed is what a replay lacks.
func (h *holder) welcome(missed int64) []byte {
	return frame(wire.KindWelcome, wire.Welcome{Run: h.id, TTY: h.o.TTY, Stdin: h.o.Stdin, Missed: missed})
}

// look answers what the agent does and what its terminal shows.
func (h *holder) look(conn *link, ask wire.Request) {
	said := [][]byte{h.welcome(0)}
	h.mu.Lock()
	said = append(said, frame(wire.KindStatus, h.status()))
	scr := h.show.screen
	if ask.Op == wire.OpScreen && scr != nil {
		text := []byte(strings.Join(scr.Text(), "\n") + "\n")
		if ask.Styled {
			text = scr.Styled()
		}
		said = append(said, outFrames(text)...)
	}
	h.mu.Unlock()
	if ask.Op == wire.OpScreen && scr == nil {
		refuse(conn, fmt.Errorf("the agent has no terminal: %w", backends.ErrBadRequest))
		return
	}
	answer(conn, said...)
}

// Bracketed paste, as xterm's ctlseqs tell it: an agent that asked for it can
// tell what was pasted from what was typed.
const pasteMode, pasteBegin, pasteEnd = 2004, "\x1b[200~", "\x1b[201~"

// send types what a client has, and says so when all of it has gone to the
// agent's terminal.
func (h *holder) send(conn *link, frames *wire.Reader, ask wire.Request) {
	if !h.o.TTY && !h.o.Stdin {
		refuse(conn, fmt.Errorf("the agent reads nothing: it has neither a terminal nor an open stdin: %w", backends.ErrBadRequest))
		return
	}
	h.mu.Lock()
	over := h.last != nil
	if !over {
		h.answers.Add(1) // what is sent may end the agent
		h.attended()
	}
	paste := ask.Paste && h.show.screen != nil && h.show.screen.Mode(pasteMode)
	h.mu.Unlock()
	if over {
		refuse(conn, fmt.Errorf("the agent has ended: %w", backends.ErrNotRunning))
		return
	}
	defer h.answers.Done()
	if _, err := conn.Write(h.welcome(0)); err != nil {
		return
	}
	if paste {
		h.deliver([]byte(pasteBegin))
	}
	for {
		f, err := frames.Next()
		if err != nil {
			return
		}
		switch f.Kind {
		case wire.KindIn:
			b := append([]byte(nil), f.Payload...)
			if paste {
				b = bytes.ReplaceAll(b, []byte{0x1b}, nil) // no end of the paste within
			}
			h.deliver(b)
			conn.Write(wire.Append(nil, wire.KindTaken, wire.PackTaken(len(f.Payload))))
		case wire.KindInEnd:
			if paste {
				h.deliver([]byte(pasteEnd))
			}
			if ask.Enter {
				h.deliver([]byte("\r"))
			}
			answer(conn)
			conn.hangUp()
			return
		default:
			return
		}
	}
}

// deliver waits until the agent's terminal has taken it.
func (h *holder) deliver(b []byte) {
	done := make(chan struct{})
	h.typed(input{b: b, taken: func() { close(done) }})
	<-done
}
