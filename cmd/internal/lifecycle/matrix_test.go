package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

func (w *world) head() (seq int64) {
	w.t.Helper()
	err := w.Log.View(context.Background(), func(v *events.View) (err error) {
		seq, err = v.Head(context.Background())
		return err
	})
	must(w.t, err)
	return seq
}

func (w *world) behind() *fake.Engine { return fake.At(w.engine) }

func (w *world) faults(f fake.Faults) {
	w.t.Helper()
	must(w.t, fake.SetFaults(w.engine, f))
}

// Whatever today's environment and config say, the recorded backend and
// endpoint are used, and the user is told.
func TestResumeUsesTheRecordedBackend(t *testing.T) {
	elsewhere := t.TempDir()
	tests := map[string]func(w *world){
		"environment names another backend":   func(w *world) { w.env[lifecycle.EnvBackend] = "other" },
		"environment leads to another engine": func(w *world) { w.env["BOT_BOTTLE_FAKE"] = elsewhere },
		"environment cannot be read":          func(w *world) { w.env["BOT_BOTTLE_FAKE"] = "rubbish" },
		"config names another backend":        func(w *world) { w.ConfigBackend = "other" },
	}
	for name, contradict := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := stopped(w)
			before := w.bottle(id)
			contradict(w)
			out, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{})
			must(t, err)
			defer w.end()
			if out.Bottle.Backend != "fake" || out.Bottle.Instance.InstanceID != before.Instance.InstanceID || out.Bottle.State != projections.Running {
				t.Errorf("resumed as %s %s %s", out.Bottle.Backend, out.Bottle.Instance.InstanceID, out.Bottle.State)
			}
			if said := strings.Join(w.warned, "\n"); !strings.Contains(said, "recorded") {
				t.Errorf("the user was not told: %q", said)
			}
		})
	}
}

// An engine that does not answer, or is another one, changes nothing.
func TestEngineThatIsNotThereChangesNothing(t *testing.T) {
	faults := map[string]fake.Faults{
		"unreachable": {Unreachable: "it is down"},
		"hangs":       {Faults: []fake.Fault{{Point: "inspect:before", Hang: true}}},
	}
	verbs := map[string]func(w *world, id string) error{
		"resume": func(w *world, id string) error {
			_, err := w.Resume(context.Background(), id, lifecycle.ResumeRequest{})
			return err
		},
		"stop": func(w *world, id string) error { return w.Stop(context.Background(), id, lifecycle.StopRequest{}) },
		"remove": func(w *world, id string) error {
			return w.Remove(context.Background(), id, lifecycle.RemoveRequest{Confirm: never})
		},
		"exec": func(w *world, id string) error {
			_, err := w.Exec(context.Background(), id, lifecycle.ExecRequest{Argv: []string{"true"}})
			return err
		},
		"attach": func(w *world, id string) error {
			_, err := w.Attach(context.Background(), id, lifecycle.Foreground{})
			return err
		},
	}
	for fname, f := range faults {
		for vname, verb := range verbs {
			t.Run(fname+"/"+vname, func(t *testing.T) {
				w := newWorld(t)
				id := stopped(w)
				w.EngineTimeout = 200_000_000
				w.faults(f)
				head := w.head()
				var down *backends.Unavailable
				if err := verb(w, id); !errors.As(err, &down) {
					t.Errorf("got %v, want that the engine is unavailable", err)
				}
				if w.head() != head {
					t.Errorf("something was recorded: %+v", w.bottle(id))
				}
			})
		}
	}
}

func TestAnotherEngineAtTheRecordedAddress(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	must(t, w.behind().Delete("bot-bottle-made"))
	w.faults(fake.Faults{EngineID: "somebody-else"})
	head := w.head()
	_, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{})
	var down *backends.Unavailable
	if !errors.As(err, &down) || !strings.Contains(err.Error(), "not the recorded engine") {
		t.Fatalf("got %v", err)
	}
	_, err = w.Resume(t.Context(), id, lifecycle.ResumeRequest{NewInstance: true})
	if !errors.As(err, &down) {
		t.Fatalf("new instance: got %v", err)
	}
	if w.head() != head || w.bottle(id).State == projections.Lost {
		t.Error("another engine's answer was believed")
	}
}

// A missing instance is lost; resume refuses with the command that works, and
// that command works.
func TestMissingInstanceIsLostAndHasAWayOut(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	must(t, w.behind().Delete("bot-bottle-made"))
	_, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{})
	var no *projections.Refusal
	if !errors.As(err, &no) || no.Next != "bot-bottle resume --new-instance made" {
		t.Fatalf("got %v", err)
	}
	if b := w.bottle(id); b.State != projections.Lost {
		t.Fatalf("it is %s", b.State)
	}
	out, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{NewInstance: true})
	must(t, err)
	defer w.end()
	if out.Bottle.Generation != 2 || out.Bottle.State != projections.Running {
		t.Errorf("generation %d, %s", out.Bottle.Generation, out.Bottle.State)
	}
	must(t, w.consistent())
}

// What was done behind our back is seen by the next command, and told apart.
func TestBehindOurBack(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world)
		want projections.State
		why  string
	}{
		{"stopped", func(w *world) { must(w.t, w.behind().Stop("bot-bottle-made")) }, projections.Stopped, events.ReasonEngine},
		{"deleted", func(w *world) { must(w.t, w.behind().Delete("bot-bottle-made")) }, projections.Lost, ""},
		{"renamed", func(w *world) { must(w.t, w.behind().Rename("bot-bottle-made", "something")) }, projections.Running, ""},
		{"replaced", func(w *world) {
			must(w.t, w.behind().Delete("bot-bottle-made"))
			_, err := w.behind().Make("bot-bottle-made", nil)
			must(w.t, err)
		}, projections.Lost, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			id := running(w)
			tt.do(w)
			_, err := w.Recover(t.Context(), false)
			must(t, err)
			b := w.bottle(id)
			if b.State != tt.want || b.Reason != tt.why {
				t.Errorf("%s (%s), want %s (%s)", b.State, b.Reason, tt.want, tt.why)
			}
			if tt.name == "replaced" {
				must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}))
				if id, err := w.behind().ID("bot-bottle-made"); err != nil || id == "" {
					t.Error("the stranger was removed")
				}
			}
			w.end()
		})
	}
}

// Two homes on one engine: no verb of one touches what is the other's.
func TestTwoHomesOnOneEngine(t *testing.T) {
	engine := t.TempDir()
	a := openWorld(t, filepath.Join(t.TempDir(), "a"), engine)
	b := openWorld(t, filepath.Join(t.TempDir(), "b"), engine)
	theirs := a.start(request("one"))
	defer a.end()

	// b wants the same name: the engine's is in the way and is left alone
	p, err := b.Plan(t.Context(), request("one"))
	must(t, err)
	if _, err := b.Start(t.Context(), p, nil); err == nil {
		t.Fatal("a name that another home's instance has was given again")
	}
	for _, w := range []*world{b, a} {
		if _, err := w.Recover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		plan, err := w.CleanupPlan(t.Context(), 1)
		must(t, err)
		if _, err := w.Cleanup(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.Adopt(t.Context(), lifecycle.AdoptRequest{Instance: "bot-bottle-one", Backend: "fake"})
	var no *lifecycle.Problem
	if !errors.As(err, &no) || !strings.Contains(no.Next, "--from-home") {
		t.Errorf("adopt of another home's: %v", err)
	}
	if now := a.bottle(theirs.ID); now.State != projections.Running || a.consistent() != nil {
		t.Errorf("%s, %v", now.State, a.consistent())
	}
}

// After a log is lost the instance is still there and can be taken in again,
// under its old id.
func TestAdoptAfterTheLogWasLost(t *testing.T) {
	engine := t.TempDir()
	a := openWorld(t, filepath.Join(t.TempDir(), "a"), engine)
	id := stopped(a)
	b := openWorld(t, filepath.Join(t.TempDir(), "b"), engine)
	got, err := b.Adopt(t.Context(), lifecycle.AdoptRequest{Instance: "bot-bottle-made", Backend: "fake", FromHome: a.Log.HomeID()})
	must(t, err)
	if got.State != projections.Stopped || got.OldHome != a.Log.HomeID() || got.OldBottle != id {
		t.Fatalf("%+v", got)
	}
	out, err := b.Resume(t.Context(), got.ID, lifecycle.ResumeRequest{})
	must(t, err)
	if out.Bottle.State != projections.Running {
		t.Error(out.Bottle.State)
	}
	b.end()
	if _, err := b.Adopt(t.Context(), lifecycle.AdoptRequest{Instance: "bot-bottle-made", Backend: "fake", FromHome: a.Log.HomeID()}); err == nil {
		t.Error("it was taken in twice")
	}
}

// A log that was restored into a home of another id does not act on the
// instances of the old one, and does not call them lost either.
func TestRestoredHomeLeavesTheOldOnesInstancesAlone(t *testing.T) {
	engine := t.TempDir()
	a := openWorld(t, filepath.Join(t.TempDir(), "a"), engine)
	id := running(a)
	defer a.end()
	var dump bytes.Buffer
	must(t, a.Log.View(t.Context(), func(v *events.View) error { return events.Export(t.Context(), v, a.Log.HomeID(), &dump) }))
	b := openWorld(t, filepath.Join(t.TempDir(), "b"), engine)
	_, err := b.Log.Restore(t.Context(), &dump, false)
	must(t, err)
	head := b.head()
	var no *lifecycle.Problem
	if err := b.Stop(t.Context(), id, lifecycle.StopRequest{}); !errors.As(err, &no) || !strings.Contains(no.Next, "--take-over") {
		t.Errorf("got %v", err)
	}
	if b.head() != head || a.bottle(id).State != projections.Running {
		t.Error("something was changed")
	}
}
