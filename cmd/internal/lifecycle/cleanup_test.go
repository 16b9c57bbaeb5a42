package lifecycle_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// failed makes a bottle whose creation failed.
func failed(w *world, r lifecycle.StartRequest) string {
	w.t.Helper()
	w.faults(fake.Faults{Faults: []fake.Fault{{Point: "create:before", Error: "no room", Times: 1}}})
	p, err := w.Plan(context.Background(), r)
	must(w.t, err)
	out, err := w.Start(context.Background(), p, nil)
	if err == nil || out.Bottle.State != projections.Failed {
		w.t.Fatalf("set-up: %v, %s", err, out.Bottle.State)
	}
	return out.Bottle.ID
}

// plan is CleanupPlan without what is only told.
func (w *world) plan(stoppedFor time.Duration) (work []lifecycle.PlanItem) {
	w.t.Helper()
	plan, err := w.CleanupPlan(context.Background(), stoppedFor)
	must(w.t, err)
	for _, item := range plan {
		if item.Action != "keep" {
			work = append(work, item)
		}
	}
	return work
}

// sweep carries a plan out.
func (w *world) sweep(plan []lifecycle.PlanItem) []lifecycle.PlanItem {
	w.t.Helper()
	done, err := w.Cleanup(context.Background(), plan)
	must(w.t, err)
	return done
}

// Everything that a crash, a removal and a failure leave is found, shown and
// let go of; a second look finds nothing.
func TestCleanupLetsGoOfLeftovers(t *testing.T) {
	w := newWorld(t)
	r := request("broken")
	r.Clone = repo(t)
	failed(w, r)
	must(t, w.Remove(t.Context(), stopped(w), lifecycle.RemoveRequest{Confirm: never}))
	plan := w.plan(0)
	if len(plan) != 1 || plan[0].Action != "remove" || plan[0].Bottle != "broken" {
		t.Fatalf("plan %+v", plan)
	}
	for _, item := range w.sweep(plan) {
		if !item.Done {
			t.Errorf("%+v", item)
		}
	}
	plan = w.plan(0)
	if len(plan) != 1 || plan[0].Action != "release" {
		t.Fatalf("plan %+v", plan)
	}
	w.sweep(plan)
	if plan = w.plan(0); len(plan) != 0 {
		t.Errorf("a second look finds %+v", plan)
	}
	if left, err := filepath.Glob(filepath.Join(w.Home, "clones", "*")); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	must(t, w.consistent())
}

// An instance that was taken in again under a new bottle is that bottle's,
// whatever its labels say.
func TestCleanupLeavesTheAdoptedAlone(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Forget: true, Confirm: never}))
	plan := w.plan(0)
	if len(plan) != 2 || plan[0].Action != "delete" {
		t.Fatalf("set-up: the forgotten instance is to be deleted: %+v", plan)
	}
	b, err := w.Adopt(t.Context(), lifecycle.AdoptRequest{Instance: "bot-bottle-made", Backend: "fake"})
	must(t, err)
	for _, item := range w.sweep(plan) {
		if item.Done {
			t.Errorf("done in spite of the adoption: %s %s", item.Action, item.Detail)
		}
	}
	for _, item := range w.plan(0) {
		t.Errorf("planned: %s %s", item.Action, item.Detail)
	}
	if d := w.Check(t.Context(), []projections.Bottle{b})[b.ID]; d.Kind != "" || d.Err != nil {
		t.Errorf("the adopted bottle is %+v", d)
	}
	must(t, w.consistent())
}

// What changed between the plan and the yes is left alone.
func TestCleanupJudgesAgain(t *testing.T) {
	w := newWorld(t)
	id := failed(w, request("made"))
	plan := w.plan(0)
	_, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{})
	must(t, err)
	must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
	if done := w.sweep(plan); done[0].Done || done[0].Err == nil {
		t.Errorf("a bottle that was used since was removed: %+v", done[0])
	}
	time.Sleep(50 * time.Millisecond)
	plan = w.plan(40 * time.Millisecond)
	if len(plan) != 1 {
		t.Fatalf("plan %+v", plan)
	}
	_, err = w.Label(t.Context(), id, map[string]string{"wanted": "yes"}, nil)
	must(t, err)
	if done := w.sweep(plan); done[0].Done {
		t.Errorf("a bottle that was looked at since was removed: %+v", done[0])
	}
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}))
	plan = w.plan(0)
	if len(plan) != 1 || plan[0].Action != "release" {
		t.Fatalf("plan %+v", plan)
	}
	running(w)
	defer w.end()
	if done := w.sweep(plan); done[0].Done {
		t.Errorf("a network that is used since was released: %+v", done[0])
	}
}

// An instance with our label that no bottle has is kept and named, with what
// can be done.
func TestCleanupKeepsTheUnknown(t *testing.T) {
	w := newWorld(t)
	id := failed(w, request("made"))
	labels := map[string]string{backends.LabelHome: w.Log.HomeID(), backends.LabelGeneration: "1", backends.LabelNonce: "n"}
	for name, bottle := range map[string]string{"bot-bottle-stray": "", "bot-bottle-orphan": id} {
		labels[backends.LabelBottle] = bottle
		_, err := w.behind().Make(name, labels)
		must(t, err)
	}
	plan, err := w.CleanupPlan(t.Context(), 0)
	must(t, err)
	kept := ""
	for _, item := range plan {
		if item.Action == "keep" {
			kept += item.Detail + "\n"
		}
	}
	if !strings.Contains(kept, "bot-bottle-stray: ") || !strings.Contains(kept, "bot-bottle-orphan: ") {
		t.Errorf("kept: %s", kept)
	}
	w.sweep(plan)
	if names, err := w.behind().Names(); err != nil || len(names) != 2 {
		t.Errorf("left are %v, %v", names, err)
	}
}

// A clone that lies outside of the home, which was moved, is left alone and
// named; the bottle can still be removed.
func TestRemoveInAMovedHome(t *testing.T) {
	w := newWorld(t)
	r := request("made")
	r.Clone = repo(t)
	id := w.start(r).ID
	must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
	clone := w.bottle(id).Private.Workspace.Clone
	w.Home = filepath.Join(t.TempDir(), "moved")
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}))
	if b := w.bottle(id); b.State != projections.Removed || len(b.LeftBehind) != 1 || !strings.Contains(b.LeftBehind[0], clone) {
		t.Errorf("%s, left %q", b.State, b.LeftBehind)
	}
	if _, err := os.Stat(clone); err != nil {
		t.Error(err)
	}
	must(t, w.consistent())
}

// What a check that was killed left is let go of, and one that may be under
// way is left alone.
func TestCleanupTellsChecksApart(t *testing.T) {
	w := newWorld(t)
	stopped(w) // so that the log names the engine
	for name, age := range map[string]time.Duration{"old": 2 * backends.ThrowawayLimit, "new": time.Second} {
		l := backends.ThrowawayLabels(w.Log.HomeID(), name, time.Now().Add(-age))
		_, err := w.behind().Make("bot-bottle-doctor-"+name, map[string]string{
			backends.LabelHome: l.Home, backends.LabelBottle: l.Bottle, backends.LabelNonce: l.Nonce, backends.LabelGeneration: "1"})
		must(t, err)
	}
	plan := w.plan(0)
	if len(plan) != 1 || plan[0].Action != "delete" || !strings.Contains(plan[0].Detail, "bot-bottle-doctor-old of a doctor --deep that was cut off") {
		t.Fatalf("plan %+v", plan)
	}
	if done := w.sweep(plan); !done[0].Done {
		t.Errorf("%+v", done)
	}
	for name, want := range map[string]bool{"old": false, "new": true} {
		if id, err := w.behind().ID("bot-bottle-doctor-" + name); err != nil || (id != "") != want {
			t.Errorf("%s is there: %v, %v", name, id != "", err)
		}
	}
}
