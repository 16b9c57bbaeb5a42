package guest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// Status is what an agent does, as its holder sees it. The words are the
// instance's: they may hold anything.
type Status struct {
	LastOutput time.Time // by the guest's clock; zero: it printed nothing yet
	Bell       time.Time // zero: never
	Title      string    // of its terminal
	// ExitCode is how it ended, where its holder stays ([RunOptions.Stay]); nil:
	// it runs.
	ExitCode *int
	// Attention is what it wants attention for since somebody last typed or
	// attached: "" nothing, "bell" or "notified".
	Attention string
	Note      string        // the words of "notified"
	Size      backends.Size // of its terminal; zero: it has none
	Row, Col  int           // of the cursor, from 0
}

// The values of [Status.Attention].
const (
	Bell     = wire.AttentionBell
	Notified = wire.AttentionNotified
)

func statusOf(w wire.Status) Status {
	s := Status{LastOutput: moment(w.LastOutput), Bell: moment(w.Bell), Title: w.Title, Note: w.Note,
		Size: backends.Size{Rows: w.Rows, Cols: w.Cols}, Row: int(w.CursorRow), Col: int(w.CursorCol)}
	if w.Exit != nil {
		code := w.Exit.Code & 0xff
		s.ExitCode = &code
	}
	if w.Attention == Bell || w.Attention == Notified {
		s.Attention = w.Attention
	}
	return s
}

func moment(nanos int64) time.Time {
	if nanos <= 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// Look asks over conn, a running [ConnectArgv], what the agent does. Errors
// are those of [Attach].
func Look(ctx context.Context, conn io.ReadWriteCloser) (Status, error) {
	s, _, err := ask(ctx, conn, wire.Request{Op: wire.OpStatus})
	return s, err
}

// maxScreen bounds what a holder may say of its screen: a thousand lines of a
// thousand cells, each in a colour of its own.
const maxScreen = 64 << 20

// Screen asks over conn what the agent's terminal shows: lines of text, styled
// with colours and nothing else that drives a terminal, or without them.
// backends.ErrBadRequest: it has none. Other errors are those of [Attach].
func Screen(ctx context.Context, conn io.ReadWriteCloser, styled bool) (Status, []byte, error) {
	s, text, err := ask(ctx, conn, wire.Request{Op: wire.OpScreen, Styled: styled})
	return s, harmless(text, styled), err
}

// ask is one question with one answer.
func ask(ctx context.Context, conn io.ReadWriteCloser, q wire.Request) (s Status, text []byte, err error) {
	c, _, err := open(ctx, conn, q)
	if err != nil {
		return s, nil, err
	}
	defer c.close()
	var b bytes.Buffer
	_, err = c.output(backends.Streams{Out: &bounded{&b, maxScreen}}, func(w wire.Status) { s = statusOf(w) })
	return s, b.Bytes(), err
}

// bounded takes so much and no more.
type bounded struct {
	to   *bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("%w: it goes on for ever", wire.ErrFrame)
	}
	return b.to.Write(p)
}

// WaitAttention waits over conn until the agent wants attention, which it may
// do already, or ends: then over is true. Errors are those of [Attach].
func WaitAttention(ctx context.Context, conn io.ReadWriteCloser) (s Status, over bool, err error) {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpWait, Attention: true})
	if err != nil {
		return s, false, err
	}
	defer c.close()
	f, err := c.next()
	if err != nil {
		return s, false, err
	}
	switch f.Kind {
	case wire.KindStatus:
		var w wire.Status
		err := f.Decode(&w)
		return statusOf(w), false, err
	case wire.KindExit:
		return s, true, nil
	case wire.KindFailure:
		return s, false, failure(f)
	}
	return s, false, unexpected(f)
}

// SendOptions say how a text is typed.
type SendOptions struct {
	Paste bool // as one paste, for an agent that asked to tell them apart
	Enter bool // and the return key
}

// Send types a text into the agent's terminal, or its stdin, over conn, and
// returns when all of it has been taken there; whether the agent read it is
// not known. An agent that reads nothing is backends.ErrBadRequest. Other
// errors are those of [Attach], and text's own.
func Send(ctx context.Context, conn io.ReadWriteCloser, text io.Reader, o SendOptions) error {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpSend, Paste: o.Paste, Enter: o.Enter})
	if err != nil {
		return err
	}
	defer c.close()
	fed := make(chan error, 1)
	go func() {
		err := c.feed(text, c.plainly)
		fed <- err
		if err != nil {
			c.conn.Close() // nothing of the rest is typed, nor the return key
		}
	}()
	_, err = c.output(backends.Streams{}, nil)
	select {
	case ferr := <-fed:
		if ferr != nil && ctx.Err() == nil {
			return fmt.Errorf("read what is to be sent: %w", ferr)
		}
	default: // it waits for more of a text that nobody takes any more
	}
	return err
}

// harmless is a screen's text less all that a line of text has no need for:
// the other side should have left it out, and is not trusted to.
func harmless(text []byte, styled bool) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		switch b := text[i]; {
		case b == '\n' || b >= ' ' && b != 0x7f && !(b == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0):
			out = append(out, b)
			i++
		case b == 0x1b && styled:
			n := Rendition(text[i:])
			out = append(out, text[i:i+n]...)
			i += max(n, 1)
		case b == 0xc2:
			i += 2 // a control character as UTF-8 writes it
		default:
			i++
		}
	}
	return out
}

// Rendition is the length of the sequence at the beginning of a text that sets
// colours and other looks (select graphic rendition, ECMA-48 8.3.117), and 0 of
// any other beginning.
func Rendition[T []byte | string](text T) int {
	if len(text) < 2 || text[0] != 0x1b || text[1] != '[' {
		return 0
	}
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case c == 'm':
			return i + 1
		case c < '0' || c > ';':
			return 0
		}
	}
	return 0
}
