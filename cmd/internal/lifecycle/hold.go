package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// claimsDir holds one lock file a bottle, below the home. The lock belongs to
// the open file, which is closed on exec: it ends with the process that took
// it and with nothing else, while pids mean little across containers.
const claimsDir = "claims"

// lockPatience is how long a verb waits for a process that only looks at the
// bottle (wait, list --check) to let go of it.
var lockPatience = 3 * time.Second

// hold is this process's sole right to act on one bottle.
type hold struct {
	m     *Manager
	lock  *flock.Flock       // nil once let go of
	b     projections.Bottle // as last read or appended
	claim int64              // version of our open ActionRequested; 0 is none
	other bool               // the instance was made with other words than the recorded ones
	env   []string           // K=V for the next start; never printed or recorded
	be    backends.Backend   // opened on first use
}

// take locks a bottle for this process.
func (m *Manager) take(ctx context.Context, id string) (*hold, error) {
	dir := filepath.Join(m.Home, claimsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of claims: %w", err)
	}
	for deadline := m.Now().Add(lockPatience); ; {
		l, err := tryLock(filepath.Join(dir, id))
		if err != nil {
			return nil, fmt.Errorf("lock the claim of bottle %s: %w", id, err)
		}
		if l != nil {
			return &hold{m: m, lock: l}, nil
		}
		if busy := m.busy(ctx, id, m.Now().After(deadline)); busy != nil {
			return nil, busy
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tryLock locks a file that is made when it is missing; nil when somebody has
// the lock. The one who let go may have removed the file after we opened it:
// a lock on that one would keep nobody from locking the next.
func tryLock(path string) (*flock.Flock, error) {
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil || !ok {
		return nil, err
	}
	locked, err := l.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Stat(path); err == nil && os.SameFile(locked, there) {
			return l, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, errors.Join(err, l.Close())
}

// busy says who holds a bottle: at once when an action is under way there.
func (m *Manager) busy(ctx context.Context, id string, patienceEnded bool) error {
	b, err := m.load(ctx, id)
	if err != nil {
		var none *projections.NoSuchBottle
		if errors.As(err, &none) && !patienceEnded {
			return nil // it is just being made
		}
		return err
	}
	if b.Pending == nil && !patienceEnded {
		return nil
	}
	return busyWith(&b)
}

func busyWith(b *projections.Bottle) error {
	what := "another process holds it"
	if p := b.Pending; p != nil {
		what = fmt.Sprintf("%s by process %d on %s is under way", p.Action, p.PID, p.Host)
	}
	return &Problem{Code: CodeBusy, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle show " + b.Slug,
		Message: fmt.Sprintf("bottle %s is busy: %s", b.Slug, what)}
}

// own takes a bottle, settles what a dead process left open, and brings the
// log in line with the engine. With ask false the engine is left alone unless
// there is something to settle.
func (m *Manager) own(ctx context.Context, id string, ask bool) (*hold, error) {
	h, err := m.take(ctx, id)
	if err != nil {
		return nil, err
	}
	if h.b, err = m.load(ctx, id); err == nil {
		if err = h.settle(ctx); err == nil && ask {
			_, err = h.reconcile(ctx)
		}
	}
	if err != nil {
		h.release()
		return nil, about(h.b.Slug, h.b.Backend, err)
	}
	return h, nil
}

// release lets go of the bottle; more than once is once. Nobody acts again on
// a bottle that is removed or was never made: its lock file goes, too. What
// goes wrong here has no consequence: the lock ends with the process.
func (h *hold) release() {
	if h.lock == nil {
		return
	}
	if h.be != nil {
		_ = h.be.Close()
		h.be = nil
	}
	if h.b.ID != filepath.Base(h.lock.Path()) || h.b.State == projections.Removed {
		_ = os.Remove(h.lock.Path())
	}
	_ = h.lock.Close()
	h.lock = nil
}

func (h *hold) backend() (backends.Backend, error) {
	if h.be == nil {
		be, err := h.m.Backends.Open(h.b.Backend, h.b.Endpoint)
		if err != nil {
			return nil, err
		}
		h.be = be
	}
	return h.be, nil
}

func (h *hold) ref() backends.Ref { return h.m.refOf(h.b) }

// load folds one bottle from the log.
func (m *Manager) load(ctx context.Context, id string) (b projections.Bottle, err error) {
	err = m.Log.Peek(ctx, func(v *events.View) error {
		b, err = projections.LoadView(ctx, v, id)
		return err
	})
	return b, err
}
