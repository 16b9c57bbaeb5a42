package lifecycle_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// Only an instance that is there, does not run and is nobody's is taken in;
// the refusal says what to do.
func TestAdoptRefusesWhatItMustNot(t *testing.T) {
	labels := func(w *world) map[string]string {
		return map[string]string{backends.LabelHome: w.Log.HomeID(), backends.LabelBottle: "01890a5d-0000-7000-8000-000000000000",
			backends.LabelGeneration: "1", backends.LabelNonce: "n"}
	}
	tests := map[string]func(w *world){
		"running": func(w *world) { must(w.t, w.behind().Start("it")) },
		"paused": func(w *world) {
			must(w.t, w.behind().Start("it"))
			must(w.t, w.behind().Pause("it"))
		},
		"started meanwhile": func(w *world) {
			w.on["adopt:found"] = func() { must(w.t, w.behind().Start("it")) }
		},
		"gone meanwhile": func(w *world) {
			w.on["adopt:found"] = func() { must(w.t, w.behind().Delete("it")) }
		},
		"without labels": func(w *world) {
			must(w.t, w.behind().Delete("it"))
			_, err := w.behind().Make("it", nil)
			must(w.t, err)
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.behind().Make("it", labels(w))
			must(t, err)
			make(w)
			head := w.head()
			_, err = w.Adopt(t.Context(), lifecycle.AdoptRequest{Instance: "it", Backend: "fake"})
			var no *lifecycle.Problem
			if !errors.As(err, &no) || no.Code != lifecycle.CodeWrongState || no.Backend != "fake" || !strings.HasPrefix(no.Next, "bot-bottle ") {
				t.Errorf("got %+v", err)
			}
			if w.head() != head {
				t.Errorf("something was recorded: %+v", w.all())
			}
			must(t, w.behind().Delete("it"))
		})
	}
}

// An adopted bottle lives as any other: it resumes, gets a new instance with
// labels of our own, and is removed.
func TestAdoptedBottleLives(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	ctx := context.Background()
	must(t, w.Remove(ctx, id, lifecycle.RemoveRequest{Forget: true, Confirm: never}))
	b, err := w.Adopt(ctx, lifecycle.AdoptRequest{Instance: "bot-bottle-made", Backend: "fake"})
	must(t, err)
	if b.ID == id || b.OldBottle != id {
		t.Fatalf("it is %s, from %s", b.ID, b.OldBottle)
	}
	for _, anew := range []bool{false, true} {
		out, err := w.Resume(ctx, b.ID, lifecycle.ResumeRequest{NewInstance: anew})
		must(t, err)
		if out.Bottle.Generation != map[bool]int{false: 1, true: 2}[anew] {
			t.Errorf("generation %d", out.Bottle.Generation)
		}
		must(t, w.consistent())
		must(t, w.Stop(ctx, b.ID, lifecycle.StopRequest{}))
	}
	must(t, w.Remove(ctx, b.ID, lifecycle.RemoveRequest{Confirm: never}))
	must(t, w.consistent())
}
