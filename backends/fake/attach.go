package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

func (b *backend) Exec(ctx context.Context, ref backends.Ref, cmd backends.Command, io backends.Streams) (code int, err error) {
	err = b.around(ctx, "exec", ref.Name, func() error {
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		c, err := b.connect(ctx, r.ID, request{Op: opExec, Command: cmd})
		if err != nil {
			return err
		}
		defer c.Close()
		if err := b.at(ctx, "exec:connected", ref.Name); err != nil || cmd.Detach {
			return err
		}
		if cmd.Stdin {
			go c.feed(io.In, nil)
		}
		ended, err := c.carry(ctx, io)
		if err == nil && ended == nil {
			err = fmt.Errorf("%w: the instance went away", backends.ErrNotRunning)
		}
		if err == nil {
			code = *ended
		}
		return err
	})
	return code, err
}

func (b *backend) Attach(ctx context.Context, ref backends.Ref, o backends.AttachOptions, io backends.Streams, ready func()) (how backends.Detachment, err error) {
	err = b.around(ctx, "attach", ref.Name, func() error {
		keys, err := detachKeys(o.DetachKeys)
		if err != nil {
			return err
		}
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		c, err := b.join(ctx, r.ID, o, io, ready)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := b.at(ctx, "attach:connected", ref.Name); err != nil {
			return err
		}
		var left chan struct{} // never, without a terminal
		in := io.In
		if o.TTY {
			left = make(chan struct{})
			in = &keyReader{from: in, keys: keys, left: func() { close(left); c.Close() }}
		}
		if o.TTY || !o.ReadOnly {
			go c.feed(in, func() bool { return o.ReadOnly })
		}
		if o.ReadOnly {
			io.Resize = nil
		}
		_, err = c.carry(ctx, io)
		select {
		case <-left:
			how = backends.Detached
			return nil
		default:
			how = backends.Ended
			return err
		}
	})
	return how, err
}

// join connects to the main process: the one that runs, or the one that will.
func (b *backend) join(ctx context.Context, id string, o backends.AttachOptions, io backends.Streams, ready func()) (*conn, error) {
	q := request{Op: opAttach, Read: o.ReadOnly}
	if io.Resize != nil && !o.ReadOnly {
		select {
		case q.Command.Size = <-io.Resize:
		default:
		}
	}
	if o.Started {
		c, err := b.connect(ctx, id, q)
		if err == nil {
			err = c.sendJSON(frameSize, q.Command.Size)
			ready()
		}
		return c, err
	}
	var l net.Listener
	socket := b.instance(id, "wait-"+newID())
	err := through(socket, func(path string) (err error) {
		l, err = net.Listen("unix", path)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by a path that means nothing any more
	defer os.Remove(socket)
	defer l.Close()
	ready()
	for {
		l.(*net.UnixListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
		raw, err := l.Accept()
		if err == nil {
			c := newConn(raw)
			var r reply
			if err = c.sendJSON(frameRequest, q); err == nil {
				err = c.recvJSON(frameReply, &r)
			}
			return c, errors.Join(err, r.err())
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r, err := b.load(id); err != nil || r == nil {
			return nil, errors.Join(err, backends.ErrNotFound)
		}
	}
}

// feed sends what is typed, unless mute says no, and then the end of it.
func (c *conn) feed(in io.Reader, mute func() bool) {
	if in != nil {
		buf := make([]byte, 16<<10)
		for {
			n, err := in.Read(buf)
			if n > 0 && (mute == nil || !mute()) && c.send(frameIn, buf[:n]) != nil {
				return
			}
			if err != nil {
				break
			}
		}
	}
	c.send(frameInEnd, nil) // no use where it has ended
}

// carry carries what is printed to the caller, and sizes to the terminal,
// until the end. The code is nil when the other side went without one.
func (c *conn) carry(ctx context.Context, io backends.Streams) (code *int, err error) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	over := make(chan struct{})
	defer close(over)
	go func() {
		for io.Resize != nil {
			select {
			case <-over:
				return
			case s, ok := <-io.Resize:
				if !ok || c.sendJSON(frameSize, s) != nil {
					return
				}
			}
		}
	}()
	for {
		kind, payload, err := c.recv()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, nil // the supervisor is gone
		}
		to := io.Out
		switch kind {
		case frameExit:
			return code, json.Unmarshal(payload, &code)
		case frameErr:
			to = io.Err
		}
		if to != nil {
			if _, err := to.Write(payload); err != nil {
				return nil, err
			}
		}
	}
}

// keyReader watches for the keys that detach.
type keyReader struct {
	from io.Reader
	keys []byte
	seen int
	left func()
}

func (k *keyReader) Read(p []byte) (int, error) {
	if k.from == nil {
		return 0, io.EOF
	}
	in := make([]byte, max(1, len(p)-len(k.keys)))
	n, err := k.from.Read(in)
	out := p[:0]
	for _, ch := range in[:n] {
		if ch == k.keys[k.seen] {
			if k.seen++; k.seen == len(k.keys) {
				k.left()
				return 0, io.EOF
			}
			continue
		}
		out = append(out, k.keys[:k.seen]...) // they meant something else
		if k.seen = 0; ch == k.keys[0] {
			k.seen = 1
			continue
		}
		out = append(out, ch)
	}
	if len(out) == 0 && err == nil {
		return 0, nil
	}
	return len(out), err
}

// detachKeys reads keys as "ctrl-p,ctrl-q" or "a,b".
func detachKeys(words string) (keys []byte, err error) {
	if words == "" {
		words = "ctrl-p,ctrl-q"
	}
	for word := range strings.SplitSeq(words, ",") {
		letter, ctrl := strings.CutPrefix(word, "ctrl-")
		switch {
		case !ctrl && len(word) == 1:
			keys = append(keys, word[0])
		case ctrl && len(letter) == 1 && (letter[0] >= 'a' && letter[0] <= 'z' || strings.Contains(`@[\]^_`, letter)):
			keys = append(keys, letter[0]&0x1f)
		default:
			return nil, fmt.Errorf("%w: detach key %q", backends.ErrBadRequest, word)
		}
	}
	return keys, nil
}
