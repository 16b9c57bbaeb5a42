package lifecycle

import (
	"context"
	"errors"
	"fmt"
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
const lockPatience = 3 * time.Second

// hold is this process's sole right to act on one bottle.
type hold struct {
	m     *Manager
	lock  *flock.Flock
	b     projections.Bottle // as last read or appended
	claim int64              // version of our open ActionRequested; 0 is none
	be    backends.Backend   // opened on first use
}

// errSuperseded says that our claim is not the open one any more: somebody
// judged us dead. What we meant to record may be stale and is dropped.
var errSuperseded = errors.New("the claim was settled by somebody else")

// take locks a bottle for this process.
func (m *Manager) take(ctx context.Context, id string) (*hold, error) {
	dir := filepath.Join(m.Home, claimsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of claims: %w", err)
	}
	l := flock.New(filepath.Join(dir, id), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	for deadline := m.Now().Add(lockPatience); ; {
		ok, err := l.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock the claim of bottle %s: %w", id, err)
		}
		if ok {
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
	p := &Problem{Code: CodeBusy, Slug: b.Slug, Backend: b.Backend, Next: "bot-bottle wait " + b.Slug}
	switch {
	case b.Pending != nil:
		p.Message = fmt.Sprintf("bottle %s is busy: %s by process %d on %s is under way", b.Slug, b.Pending.Action, b.Pending.PID, b.Pending.Host)
	case patienceEnded:
		p.Message = fmt.Sprintf("bottle %s is busy: another process holds it", b.Slug)
	default:
		return nil
	}
	return p
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

// release lets go of the bottle; more than once is once.
func (h *hold) release() {
	if h.be != nil {
		h.be.Close()
		h.be = nil
	}
	if h.b.State == projections.Removed {
		os.Remove(h.lock.Path()) // nobody acts on it again
	}
	h.lock.Close()
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
	err = m.Log.View(ctx, func(v *events.View) error {
		b, err = projections.LoadView(ctx, v, id)
		return err
	})
	return b, err
}

// record appends to the bottle whatever version it has by now, as long as our
// claim, if we made one, is still the open one.
func (h *hold) record(ctx context.Context, ps ...events.Payload) error {
	return h.decide(ctx, func(*projections.Bottle) ([]events.Payload, error) { return ps, nil })
}

// decide appends what f makes of the bottle, in one transaction.
func (h *hold) decide(ctx context.Context, f func(*projections.Bottle) ([]events.Payload, error)) error {
	ctx = bookkeeping(ctx)
	return h.m.Log.Update(ctx, func(tx *events.Tx) error {
		b, err := h.m.Tables.Load(ctx, tx, h.b.ID)
		if err != nil {
			return err
		}
		if h.claim != 0 && (b.Pending == nil || b.Pending.Version != h.claim) {
			h.b = b
			return errSuperseded
		}
		ps, err := f(&b)
		if err != nil || len(ps) == 0 {
			return err
		}
		if _, err := tx.Append(ctx, b.ID, b.Version, ps...); err != nil {
			return err
		}
		h.b, err = h.m.Tables.Load(ctx, tx, b.ID)
		return err
	})
}

// request makes a claim: the action is in the log before anything is touched.
func (h *hold) request(ctx context.Context, r *events.ActionRequested) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.m.At(r.Action + ":request")
	if err := h.record(ctx, r); err != nil {
		return err
	}
	h.claim = h.b.Pending.Version
	h.m.At(r.Action + ":requested")
	return nil
}

// outcome closes our claim. When somebody settled it meanwhile, what we meant
// to say may be stale: the engine is asked and its answer recorded instead.
func (h *hold) outcome(ctx context.Context, ps ...events.Payload) error {
	err := h.record(ctx, ps...)
	h.claim = 0
	if errors.Is(err, errSuperseded) {
		_, err = h.reconcile(bookkeeping(ctx))
	}
	return err
}

// fail closes our claim with what went wrong and returns cause, named.
func (h *hold) fail(ctx context.Context, action string, cause error, left ...string) error {
	if errors.Is(cause, errSuperseded) {
		h.claim = 0
		_, err := h.reconcile(bookkeeping(ctx))
		return about(h.b.Slug, h.b.Backend, errors.Join(cause, err))
	}
	err := h.outcome(ctx, &events.ActionFailed{
		Action: action, Code: string(codeOf(cause)), Reason: oneLine(cause.Error()), LeftBehind: left})
	if err != nil {
		cause = errors.Join(cause, fmt.Errorf("record the failure: %w", err))
	}
	if len(left) > 0 {
		return &Problem{Code: CodeLeftBehind, Slug: h.b.Slug, Backend: h.b.Backend, Err: cause, LeftBehind: left,
			Message: action + " failed", Next: "bot-bottle rm " + h.b.Slug}
	}
	return about(h.b.Slug, h.b.Backend, cause)
}
