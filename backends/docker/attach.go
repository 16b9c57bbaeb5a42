package docker

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/keys"
)

// closingTime is how long what is being printed may take after the user
// detached: his terminal may hold it up.
const closingTime = time.Second

// sizeAtStart says whether the engine takes a terminal's size with the start
// of a command, so that the command never sees another.
func (b *Backend) sizeAtStart() bool {
	return versions.GreaterThanOrEqualTo(b.api.ClientVersion(), "1.42")
}

// Attach connects to the main process.
func (b *Backend) Attach(ctx context.Context, ref backends.Ref, o backends.AttachOptions, s backends.Streams, ready func()) (backends.Detachment, error) {
	op := "attach to " + ref.Name
	c, err := b.exact(ctx, "attach to", ref)
	if err != nil {
		return "", err
	}
	if o.Started && !lives(c) {
		return "", notRunning(op, nil)
	}
	sequence, err := keys.Parse(o.DetachKeys)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	if _, ok := heldBy(c); ok {
		return b.attachHeld(ctx, op, c, o, s, ready)
	}
	return b.attachEngine(ctx, op, c, o, sequence, s, ready)
}

// attachEngine connects to a main process by the engine's own means, where
// nothing else holds it. How it ended is told by the engine's word on the
// process, not by the stream, which ends alike when the user detached.
func (b *Backend) attachEngine(ctx context.Context, op string, c container.InspectResponse, o backends.AttachOptions, sequence []byte, s backends.Streams, ready func()) (backends.Detachment, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The end is watched from before the stream is there: a process can be
	// over before we are connected, and its stream then stays silent.
	until := container.WaitConditionNotRunning
	if !lives(c) {
		until = container.WaitConditionNextExit
	}
	over, lost := b.api.ContainerWait(ctx, c.ID, until)
	stream, err := b.upgrade(ctx, "/containers/"+c.ID+"/attach", attachQuery(o), nil)
	if err != nil {
		return "", b.execError(ctx, op, err)
	}
	defer stream.Close()
	ready()

	var typed *keys.Sequence
	if c.Config.Tty {
		typed = keys.New(sequence)
	}
	switch {
	case o.ReadOnly:
		go typed.Watch(s.In)
	case c.Config.OpenStdin:
		go stream.feed(s.In, typed, c.Config.Tty)
	}
	if c.Config.Tty && !o.ReadOnly {
		go resize(ctx, backends.Size{}, s.Resize, func(ctx context.Context, size backends.Size) error {
			return b.api.ContainerResize(ctx, c.ID, container.ResizeOptions{Height: uint(size.Rows), Width: uint(size.Cols)})
		})
	}
	copied := make(chan error, 1)
	go func() { copied <- split(stream, c.Config.Tty, s.Out, s.Err) }()
	a := &attached{over: over, lost: lost, copied: copied, typed: typed.Typed(), close: stream.Close}
	how, err := a.follow(ctx)
	switch {
	case ctx.Err() != nil && err == nil && how == "":
		return backends.Detached, fmt.Errorf("%s: %w", op, ctx.Err())
	case err != nil:
		return "", b.streamError(ctx, op, err)
	}
	return how, nil
}

func attachQuery(o backends.AttachOptions) url.Values {
	q := url.Values{"stream": {"1"}, "stdout": {"1"}, "stderr": {"1"}, "detachKeys": {noDetachKeys}}
	if !o.ReadOnly {
		q.Set("stdin", "1")
	}
	return q
}

// attached is a connection whose end is awaited.
type attached struct {
	over   <-chan container.WaitResponse // the process ended
	lost   <-chan error                  // nobody knows any more when it will
	copied <-chan error                  // the stream ended
	typed  <-chan struct{}               // the user detached
	close  func() error
}

// follow waits for the end of the process or of the stream. "" is the end of
// ctx.
func (a *attached) follow(ctx context.Context) (backends.Detachment, error) {
	select {
	case <-ctx.Done():
		return "", nil
	case <-a.over:
		return backends.Ended, a.drain()
	case <-a.typed:
		a.close()
		select {
		case <-a.copied:
		case <-time.After(closingTime):
		}
		return backends.Detached, nil
	case err := <-a.copied:
		return a.streamEnded(ctx, err)
	}
}

// drain takes what the process printed last.
func (a *attached) drain() error {
	select {
	case err := <-a.copied:
		if left, ok := err.(*readerLeft); ok {
			return left
		}
	case <-time.After(settleTime):
		a.close() // somebody else holds the stream open
	}
	return nil
}

// streamEnded finds out why. Unless the keys were typed the process most
// likely ended, and the engine says so in a moment.
func (a *attached) streamEnded(ctx context.Context, err error) (backends.Detachment, error) {
	select {
	case <-a.typed:
		return backends.Detached, nil
	default:
	}
	if err != nil {
		return "", err
	}
	select {
	case <-ctx.Done():
		return "", nil
	case <-a.over:
		return backends.Ended, nil
	case err := <-a.lost:
		return "", err
	case <-time.After(settleTime):
		return backends.Detached, nil // it runs, and the engine let go of us
	}
}
