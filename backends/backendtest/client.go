package backendtest

import (
	"context"
	"fmt"
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// client is one attachment to a main process.
type client struct {
	r        *rig
	in       *io.PipeWriter
	out, err screen
	resize   chan backends.Size
	cancel   context.CancelFunc
	done     chan struct{} // closed when how and fail are set
	how      backends.Detachment
	fail     error
}

// attach connects a client and returns when it is connected.
func (r *rig) attach(ref backends.Ref, o backends.AttachOptions) *client {
	r.Helper()
	ctx, cancel := context.WithCancel(r.ctx())
	in, w := io.Pipe()
	c := &client{r: r, in: w, cancel: cancel, done: make(chan struct{}), resize: make(chan backends.Size, 1)}
	s := backends.Streams{In: in, Out: &c.out, Err: &c.err}
	if o.TTY {
		c.resize <- backends.Size{Rows: 24, Cols: 80}
		s.Resize = c.resize
	}
	ready, times := make(chan struct{}), 0
	go func() {
		defer close(c.done)
		c.how, c.fail = r.b.Attach(ctx, ref, o, s, func() {
			if times++; times == 1 {
				close(ready)
			}
		})
	}()
	r.Cleanup(func() {
		cancel()
		w.Close()
		select {
		case <-c.done:
		case <-time.After(r.h.Prompt):
			r.Error("a cancelled Attach does not come back")
			return
		}
		if times > 1 {
			r.Errorf("ready was called %d times", times)
		}
	})
	select {
	case <-ready:
	case <-c.done:
		r.Fatalf("Attach ended before it was ready: %s, %v", c.how, c.fail)
	case <-time.After(r.h.Patience):
		r.Fatal("Attach was never ready")
	}
	return c
}

// types writes to the process as if on a keyboard.
func (c *client) types(s string) {
	c.r.Helper()
	taken := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c.in, s)
		taken <- err
	}()
	select {
	case err := <-taken:
		if err != nil {
			c.r.Errorf("type %q: %v", s, err)
		}
	case <-time.After(c.r.h.Prompt):
		c.r.Fatalf("nobody takes %q", s)
	}
}

// ends checks how the attachment comes back.
func (c *client) ends(want backends.Detachment) {
	c.r.Helper()
	select {
	case <-c.done:
		if c.fail != nil || c.how != want {
			c.r.Errorf("Attach returned %q, %v, want %q", c.how, c.fail, want)
		}
	case <-time.After(c.r.h.Patience):
		c.r.Fatal("Attach does not come back")
	}
}

func (c *client) sees(part string) {
	c.r.Helper()
	c.r.eventually(fmt.Sprintf("the client sees %q", part), c.out.has(part))
}
