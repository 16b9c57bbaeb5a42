package lifecycle_test

import (
	"context"
	"fmt"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// verbs are what a crash is tried in: set-up and the verb itself.
var verbs = []struct {
	name string
	up   func(w *world) string // returns the bottle's id, "" when the verb makes it
	verb func(w *world, id string)
}{
	{"start", func(*world) string { return "" }, func(w *world, _ string) {
		p, err := w.Plan(context.Background(), request("made"))
		if err == nil {
			w.Start(context.Background(), p, nil)
		}
	}},
	{"stop", running, func(w *world, id string) { w.Stop(context.Background(), id, lifecycle.StopRequest{}) }},
	{"resume", stopped, func(w *world, id string) {
		w.Resume(context.Background(), id, lifecycle.ResumeRequest{})
	}},
	{"resume --new-instance", stopped, func(w *world, id string) {
		w.Resume(context.Background(), id, lifecycle.ResumeRequest{NewInstance: true})
	}},
	{"rm", stopped, func(w *world, id string) { w.Remove(context.Background(), id, lifecycle.RemoveRequest{Confirm: never}) }},
	{"rm --force", running, func(w *world, id string) {
		w.Remove(context.Background(), id, lifecycle.RemoveRequest{Force: true, Confirm: never})
	}},
	{"restart", running, func(w *world, id string) { w.Restart(context.Background(), id, lifecycle.StopRequest{}) }},
}

func never(string) (bool, error) { return false, nil }

func running(w *world) string { return w.start(request("made")).ID }

func stopped(w *world) string {
	id := running(w)
	if err := w.Stop(context.Background(), id, lifecycle.StopRequest{}); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// A process that dies at any step of any verb leaves nothing that the next
// command cannot settle: no bottle wrong, no instance nobody's.
func TestCrashAtEveryStepIsSettled(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				w := newWorld(t)
				id := v.up(w)
				w.crashAt.Store(n)
				at := w.dies(func() { v.verb(w, id) })
				w.crashAt.Store(0)
				if at == "" {
					t.Logf("%s: %d steps", v.name, n-1)
					w.end()
					return
				}
				if _, err := w.Recover(t.Context(), false); err != nil {
					t.Fatalf("died at %s: recover: %v", at, err)
				}
				if err := w.consistent(); err != nil {
					t.Fatalf("died at %s, then recovered: %v", at, err)
				}
				w.end()
			}
		})
	}
}

// The same when recovery itself dies, at any of its steps, and runs again.
func TestCrashInsideRecovery(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				if !crashTwice(t, v.up, v.verb, n) {
					return
				}
			}
		})
	}
}

// crashTwice dies at step n, then at each step of recovery in turn. It says
// whether step n exists.
func crashTwice(t *testing.T, up func(*world) string, verb func(*world, string), n int64) bool {
	for k := int64(1); ; k++ {
		w := newWorld(t)
		id := up(w)
		w.crashAt.Store(n)
		at := w.dies(func() { verb(w, id) })
		w.crashAt.Store(0)
		if at == "" {
			w.end()
			return false
		}
		w.crashAt.Store(k)
		again := w.dies(func() { w.Recover(t.Context(), false) })
		w.crashAt.Store(0)
		if _, err := w.Recover(t.Context(), false); err != nil {
			t.Fatalf("died at %s and %s: recover: %v", at, again, err)
		}
		if err := w.consistent(); err != nil {
			t.Fatalf("died at %s and %s, then recovered: %v", at, again, err)
		}
		w.end()
		if again == "" {
			return true
		}
	}
}

// end stops what still runs, so that no process outlives the test.
func (w *world) end() {
	for _, b := range w.all() {
		if b.State == projections.Running {
			if err := w.Stop(context.Background(), b.ID, lifecycle.StopRequest{Kill: true}); err != nil {
				w.t.Error(fmt.Errorf("end %s: %w", b.Slug, err))
			}
		}
	}
}
