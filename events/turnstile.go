package events

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Names of the lock files below the home. A lock belongs to an open file and
// ends with the process that took it.
const (
	openLock = "log.open" // held while a log is made or brought up to date
	nextLock = "log.next" // held by the one writer that is next
	turnLock = "log.turn" // held by the writer
)

// turnstile lets writers in one after the other. SQLite's own waiting is
// unfair: it polls, so that a writer in a loop can starve the others for
// seconds. At most one writer waits for the turn, all others wait to be next,
// and whoever has just had a turn goes to the end.
type turnstile struct {
	home string
	path string // of the log, for errors
	wait time.Duration
}

// enter waits for the turn; leave ends it.
func (t turnstile) enter(ctx context.Context) (leave func(), err error) {
	deadline := time.Now().Add(t.wait)
	next, err := t.lock(ctx, nextLock, deadline)
	if err != nil {
		return nil, err
	}
	defer next.Close()
	turn, err := t.lock(ctx, turnLock, deadline)
	if err != nil {
		return nil, err
	}
	return func() { turn.Close() }, nil
}

// lock waits for a lock file until the deadline.
func (t turnstile) lock(ctx context.Context, name string, deadline time.Time) (*flock.Flock, error) {
	l := flock.New(filepath.Join(t.home, name), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	if ok, err := l.TryLock(); err != nil {
		return nil, unwritable(t.path, "its lock cannot be taken", err)
	} else if ok {
		return l, nil
	}
	// The kernel queues who waits in flock(2); polling would be unfair again.
	// Nothing interrupts that wait, so it is left behind when it takes too
	// long, and lets go as soon as it succeeds.
	got := make(chan error, 1)
	go func() { got <- l.Lock() }()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var late error
	select {
	case err := <-got:
		if err != nil {
			return nil, unwritable(t.path, "its lock cannot be taken", err)
		}
		return l, nil
	case <-ctx.Done():
		late = ctx.Err()
	case <-timer.C:
		late = &Busy{Path: t.path, Waited: t.wait}
	}
	go func() {
		if <-got == nil {
			l.Close()
		}
	}()
	return nil, late
}

// unwritable says why a file of the home cannot be made or changed.
func unwritable(path, why string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		why = "no permission"
	case errors.Is(err, syscall.EROFS):
		why = "the file system is read-only"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		why = "no space is left"
	}
	return &Unwritable{Path: path, Why: why, Err: err}
}
