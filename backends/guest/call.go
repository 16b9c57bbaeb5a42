package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// call is one request to a guest program, and what comes of it.
type call struct {
	ctx    context.Context
	conn   io.Closer
	out    *wire.Writer
	in     *wire.Reader
	window window
	stop   func() bool
}

// open asks for something and waits until it is granted. The call ends with
// its context: conn is closed then, whatever is under way on it.
func open(ctx context.Context, conn io.ReadWriteCloser, ask wire.Request) (*call, wire.Welcome, error) {
	c := &call{ctx: ctx, conn: conn, out: wire.NewWriter(conn), in: wire.NewReader(conn)}
	c.window.left, c.window.more.L = wire.Window, &c.window.mu
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	w, err := c.begin(conn, ask)
	if err != nil {
		c.close()
		return nil, w, err
	}
	return c, w, nil
}

func (c *call) begin(from io.Reader, ask wire.Request) (w wire.Welcome, err error) {
	sent := make(chan error, 1)
	go func() { sent <- c.out.SendJSON(wire.KindRequest, ask) }()
	if err := wire.Greet(from); err != nil {
		return w, c.lost(err)
	}
	f, err := c.in.Next()
	if err != nil {
		return w, c.lost(err)
	}
	switch f.Kind {
	case wire.KindWelcome:
		if err := f.Decode(&w); err != nil {
			return w, err
		}
	case wire.KindFailure:
		return w, failure(f)
	case wire.KindExit: // of a command that nobody waits for
		return w, errNothingMore
	default:
		return w, unexpected(f)
	}
	if err := <-sent; err != nil {
		return w, c.lost(err)
	}
	return w, nil
}

// errNothingMore says that a request was served with its first answer.
var errNothingMore = errors.New("served already")

// close ends the call.
func (c *call) close() {
	c.stop()
	c.window.shut()
	c.conn.Close() // it may be closed already; nothing more is wanted of it
}

// next is the next frame that is not the call's own business.
func (c *call) next() (wire.Frame, error) {
	for {
		f, err := c.in.Next()
		if err != nil {
			return f, c.lost(err)
		}
		if f.Kind != wire.KindTaken {
			return f, nil
		}
		n, err := f.Taken()
		if err == nil {
			err = c.window.put(n)
		}
		if err != nil {
			return f, err
		}
	}
}

// lost says that the connection ended before its time.
func (c *call) lost(err error) error {
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case errors.Is(err, wire.ErrFrame):
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

func failure(f wire.Frame) error {
	var why wire.Failure
	if err := f.Decode(&why); err != nil {
		return err
	}
	return why.Err()
}

func unexpected(f wire.Frame) error {
	return fmt.Errorf("%w: %q was not to be expected", wire.ErrFrame, f.Kind)
}

// exit reads how a process ended.
func exit(f wire.Frame) (int, error) {
	var e wire.Exit
	if err := f.Decode(&e); err != nil {
		return 0, err
	}
	if e.Code < 0 || e.Code > 255 {
		return 0, fmt.Errorf("%w: exit code %d", wire.ErrFrame, e.Code)
	}
	return e.Code, nil
}

// feed sends what in has, by send, until it ends or the call does. An error of
// in is returned; the end of the call is not.
func (c *call) feed(in io.Reader, send func(p []byte, last bool) bool) error {
	buf := make([]byte, wire.MaxData/2)
	for in != nil {
		n, err := in.Read(buf)
		if !send(buf[:n], err != nil) {
			return nil
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	_ = c.out.Send(wire.KindInEnd, nil) // the call's end is noticed by who reads
	return nil
}

// plainly sends all of it.
func (c *call) plainly(p []byte, _ bool) bool { return c.send(p) }

func (c *call) send(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), wire.MaxData)
		if !c.window.take(n) || c.out.Send(wire.KindIn, p[:n]) != nil {
			return false
		}
		p = p[n:]
	}
	return true
}

// sizes passes a terminal's size on until the call ends.
func (c *call) sizes(done <-chan struct{}, sizes <-chan backends.Size) {
	for {
		select {
		case <-done:
			return
		case s, open := <-sizes:
			if !open || c.out.Send(wire.KindSize, wire.PackSize(s)) != nil {
				return
			}
		}
	}
}

// window is how many bytes may still be sent before the other side has taken
// some, see wire.Window.
type window struct {
	mu   sync.Mutex
	more sync.Cond
	left int
	over bool
}

// take waits for room for n bytes. False: the call has ended.
func (w *window) take(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.left < n && !w.over {
		w.more.Wait()
	}
	w.left -= n
	return !w.over
}

func (w *window) put(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left += n; w.left > wire.Window {
		return fmt.Errorf("%w: more bytes were taken than sent", wire.ErrFrame)
	}
	w.more.Broadcast()
	return nil
}

func (w *window) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.more.Broadcast()
}
