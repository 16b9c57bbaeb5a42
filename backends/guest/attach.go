package guest

import (
	"context"
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
	"gitea.dideric.is/didericis/bot-bottle/backends/keys"
)

// closingTime is how long what is under way to a caller's stream may take
// when the call is over.
const closingTime = time.Second

// Attach connects streams to the main process over conn, a running
// [ConnectArgv], and closes it in the end. Close must end a Read and a Write
// that wait. With replay it first delivers what the run printed before, so
// that an attachment that began before the start misses nothing; of more than
// 4 MiB the beginning is in the log only. Otherwise a terminal is first shown
// what the agent's shows, and so is one for which there was too much of a
// replay or that could not keep up. ready is called once, when the
// holder has answered and before any output.
//
// It returns Ended when the holder says that the agent ended, and Detached
// when the detach keys were typed or, with ctx's error, when ctx ended. The
// keys are noticed where there is a terminal, and never reach the agent; bad
// ones are backends.ErrBadRequest. backends.ErrNotRunning says that there is
// no holder (it has not begun, or is over: the log tells), and an agent that
// could not be started is the error of that, as in [Run]. [ErrLost] is an end
// without a word, for the engine to explain: mostly the end of the instance.
// Without a terminal a client that takes less than 256 KiB in a second while
// more than 4 MiB wait for it is let go in this way, too. A Read of s.In may still be under
// way when Attach returns: a terminal cannot be told to stop.
func Attach(ctx context.Context, conn io.ReadWriteCloser, o backends.AttachOptions, s backends.Streams, replay bool, ready func()) (backends.Detachment, error) {
	sequence, err := keys.Parse(o.DetachKeys)
	if err != nil {
		conn.Close()
		return "", err
	}
	ask := wire.Request{Op: wire.OpAttach, Replay: replay, Redraw: !replay, ReadOnly: o.ReadOnly}
	if !o.ReadOnly {
		select {
		case ask.Size = <-s.Resize: // so that the first thing shown fits
		default:
		}
	}
	c, w, err := open(ctx, conn, ask)
	if err != nil {
		if ctx.Err() != nil {
			return backends.Detached, ctx.Err()
		}
		return "", err
	}
	ready()
	var typed *keys.Sequence
	if w.TTY {
		typed = keys.New(sequence)
	}
	done := make(chan struct{})
	defer close(done)
	switch {
	case o.ReadOnly:
		go typed.Watch(s.In)
	default:
		go c.feed(s.In, (&typing{call: c, keys: typed}).send)
	}
	if w.TTY && !o.ReadOnly && s.Resize != nil {
		go c.sizes(done, s.Resize)
	}
	over := make(chan error, 1)
	go func() { _, err := c.output(s, nil); over <- err }()
	select {
	case err = <-over:
		c.close()
	case <-typed.Typed():
		c.close()
		select {
		case <-over:
		case <-time.After(closingTime): // the caller's own stream is stuck
		}
		return backends.Detached, nil
	}
	switch {
	case ctx.Err() != nil:
		return backends.Detached, ctx.Err()
	case err != nil:
		return "", err
	}
	return backends.Ended, nil
}

// output delivers what comes until the exit code does.
func (c *call) output(s backends.Streams, status func(wire.Status)) (int, error) {
	for {
		f, err := c.next()
		if err != nil {
			return 0, err
		}
		switch f.Kind {
		case wire.KindOut:
			err = write(s.Out, f.Payload)
		case wire.KindErr:
			err = write(s.Err, f.Payload)
		case wire.KindStatus:
			var st wire.Status
			if err = f.Decode(&st); err == nil && status != nil {
				status(st)
			}
		case wire.KindExit:
			return exit(f)
		case wire.KindFailure:
			return 0, failure(f)
		default:
			return 0, unexpected(f)
		}
		if err != nil {
			return 0, err
		}
	}
}

// write delivers to a stream that may be closed.
func write(w io.Writer, p []byte) error {
	if w == nil {
		return nil
	}
	_, err := w.Write(p)
	return err
}

// Wait waits over conn, a running [ConnectArgv], until the agent ended, and
// returns its exit code. Errors are those of [Attach].
func Wait(ctx context.Context, conn io.ReadWriteCloser) (code int, err error) {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpWait})
	if err != nil {
		return 0, err
	}
	defer c.close()
	return c.output(backends.Streams{}, nil)
}

// Signal sends the agent a signal, by its number on Linux, over conn, a
// running [ConnectArgv]: 9 ends it hard while the instance goes on, and its
// end is recorded. backends.ErrNotRunning: it, or its holder, is not there.
func Signal(ctx context.Context, conn io.ReadWriteCloser, signal int) error {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpSignal, Signal: signal})
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.output(backends.Streams{}, nil)
	return err
}
