package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

const (
	// beginTime is how long the guest program may take to say that the agent
	// runs, once the engine has said that it was started.
	beginTime = 30 * time.Second
	// beginEvery is how soon to look into the log instead: what was printed
	// before somebody listened comes no other way.
	beginEvery = 200 * time.Millisecond
	// fillTries is how often a start may find no program: somebody who fills
	// its volume takes it away for a moment.
	fillTries = 3
)

// beginning listens to a main process from before its start, until it says
// how the start of the agent went.
type beginning struct {
	b      *Backend
	c      container.InspectResponse // as it was before
	stream io.Closer
	begun  chan begun
}

type begun struct {
	run guest.Run
	err error
}

// listen begins to listen. The stream is the engine's own, which costs nothing
// that matters; an exec takes as long as a third of a start.
func (b *Backend) listen(ctx context.Context, op string, c container.InspectResponse) (*beginning, error) {
	stream, err := b.upgrade(ctx, "/containers/"+c.ID+"/attach", url.Values{"stream": {"1"}, "stdout": {"1"}}, nil)
	if err != nil {
		return nil, b.execError(ctx, op, err)
	}
	l := &beginning{b: b, c: c, stream: stream, begun: make(chan begun, 1)}
	records, _ := demux(stream)
	go func() {
		run, err := guest.Begun(records)
		l.begun <- begun{run, err}
		records.Close() // of what comes now nothing is wanted
	}()
	return l, nil
}

// deaf is one that hears nothing, and has to look.
func (b *Backend) deaf(c container.InspectResponse) *beginning {
	l := &beginning{b: b, c: c, stream: io.NopCloser(nil), begun: make(chan begun, 1)}
	l.begun <- begun{err: guest.ErrLost}
	return l
}

func (l *beginning) Close() error { return l.stream.Close() }

// wait returns the run that began. patience bounds how long that may take, and
// 0 does not. A main process that ends without a word is guest.ErrLost.
func (l *beginning) wait(ctx context.Context, patience time.Duration) (guest.Run, error) {
	var over <-chan time.Time
	if patience > 0 {
		over = time.After(patience)
	}
	look := time.NewTicker(beginEvery)
	defer look.Stop()
	heard := l.begun
	for {
		select {
		case said := <-heard:
			if said.err == nil {
				return said.run, nil
			}
			heard = nil // the engine let go of us, or it has ended
			look.Reset(beginEvery / 10)
		case <-look.C:
		case <-over:
			return guest.Run{}, fmt.Errorf("the guest program did not begin within %s", patience)
		case <-ctx.Done():
			return guest.Run{}, ctx.Err()
		}
		if patience == 0 && heard != nil {
			continue // nobody knows when it will be started
		}
		now, gone := l.b.look(ctx, l.c.ID) // before the log, which has all of it when it has ended
		run, known, err := l.b.lastRun(ctx, l.c)
		switch {
		case err != nil && heard != nil: // this engine may have no logs to read
			continue
		case err != nil:
			return run, err
		case known && (!run.Started.IsZero() || run.Over()):
			return run, nil
		}
		if gone != nil {
			return run, gone
		}
		if !lives(now) && heard == nil {
			return run, guest.ErrLost
		}
	}
}

// lastRun reads from the log how the last run of a container went that began
// after the container ended last, as c tells. false: there is none.
func (b *Backend) lastRun(ctx context.Context, c container.InspectResponse) (guest.Run, bool, error) {
	ended := moment(c.State.FinishedAt)
	log, err := b.records(ctx, c.ID, container.LogsOptions{Tail: "all", Since: since(ended)})
	if err != nil {
		return guest.Run{}, false, err
	}
	defer log.Close()
	run, err := guest.LastRun(log)
	if errors.Is(err, backends.ErrNotFound) {
		return run, false, nil
	}
	return run, err == nil && run.Began.After(ended), err
}

// startHeld starts a container that holds an agent. It has begun when the
// program that holds it says so.
func (b *Backend) startHeld(ctx context.Context, op string, ref backends.Ref, c container.InspectResponse, h held) error {
	l, err := b.listen(ctx, op, c)
	if errors.Is(err, backends.ErrNotRunning) || errors.Is(err, backends.ErrBadRequest) {
		// Podman prepares a container for who listens, and refuses that where it
		// would refuse the start: which tells better why.
		l, err = b.deaf(c), nil
	}
	if err != nil {
		return err
	}
	defer l.Close()
	for tries := 1; ; tries++ {
		if err = b.launch(ctx, op, ref, c); err == nil {
			break
		}
		if tries > fillTries || !b.lacksProgram(ctx, op, c, err) {
			return b.notStarted(ctx, op, ref, err)
		}
		filled, ferr := b.refill(ctx, c, h)
		switch {
		case ferr != nil:
			return fmt.Errorf("%s: %w", op, ferr)
		case !filled && tries > 1: // it was there the last time, too
			return b.notStarted(ctx, op, ref, err)
		}
	}
	run, err := l.wait(ctx, beginTime)
	switch {
	case errors.Is(err, guest.ErrLost):
		return nil // it was ended from outside as soon as it began, which is told
	case err != nil:
		return b.fail(ctx, op, err)
	case run.Err == nil:
		return nil
	}
	// It ends by itself, in a moment.
	if ended := b.ended(ctx, op, c.ID); ended != nil && !errors.Is(ended, backends.ErrNotFound) {
		return ended
	}
	return fmt.Errorf("%s: %w", op, run.Err)
}

// lacksProgram says whether a start may have failed since the volume has no
// program, as far as the engine tells: Podman keeps no code of such a start.
func (b *Backend) lacksProgram(ctx context.Context, op string, c container.InspectResponse, cause error) bool {
	if !errors.Is(b.refused(ctx, op, cause), backends.ErrBadRequest) {
		return false
	}
	now, err := b.look(ctx, c.ID)
	return err == nil && !lives(now) && (b.podman.Load() || now.State.ExitCode == codeNotFound || now.State.ExitCode == codeNotExecutable)
}
