package lifecycle_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// The lock file of a removed bottle goes with who lets go of it. Nobody may
// get a lock on a file that is not there any more while another one locks the
// new one.
func TestOneHoldsABottleAtATime(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}))
	var holders, both atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 12 {
				release, err := w.Hold(context.Background(), id)
				if err != nil {
					continue // somebody else was quicker for a long time
				}
				if holders.Add(1) > 1 {
					both.Add(1)
				}
				time.Sleep(4 * time.Millisecond) // longer than it takes to ask for the lock again
				holders.Add(-1)
				release()
				release() // once more is nothing
			}
		})
	}
	wg.Wait()
	if n := both.Load(); n > 0 {
		t.Errorf("two held it at once, %d times", n)
	}
}

// locks lists the lock files that are there.
func (w *world) locks() []string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.Home, "claims", "*"))
	must(w.t, err)
	return found
}

// A start that makes no bottle leaves no lock file either.
func TestLockFilesAreThoseOfBottles(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	p, err := w.Plan(t.Context(), request("made"))
	must(t, err)
	var taken *projections.NameTaken
	if _, err := w.Start(t.Context(), p, nil); !errors.As(err, &taken) {
		t.Fatalf("got %v", err)
	}
	if err := w.Stop(t.Context(), "01890a5d-0000-7000-8000-000000000000", lifecycle.StopRequest{}); err == nil || err.Error() != `no such bottle: "01890a5d-0000-7000-8000-000000000000"` {
		t.Errorf("a bottle that never was: %v", err)
	}
	if got := w.locks(); len(got) != 1 || filepath.Base(got[0]) != id {
		t.Errorf("lock files %v, want that of %s", got, id)
	}
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}))
	if got := w.locks(); len(got) != 0 {
		t.Errorf("lock files %v", got)
	}
}

// What the log says is asked in the transaction that makes the claim: a
// protection that comes between the question and the claim holds.
func TestProtectionInTheLastMomentHolds(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	w.on["remove:request"] = func() {
		_, err := w.Protect(context.Background(), id, true)
		must(t, err)
	}
	var no *projections.Refusal
	if err := w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}); !errors.As(err, &no) || no.Kind != "protected" {
		t.Errorf("got %v", err)
	}
	if b := w.bottle(id); b.State != projections.Stopped || b.Pending != nil {
		t.Errorf("%s, %v", b.State, b.Pending)
	}
	must(t, w.consistent())
}
