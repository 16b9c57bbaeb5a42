package lifecycle_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// An engine that does not answer is asked once, and holds nobody up who lives
// elsewhere.
func TestRecoverAsksADeadEngineOnce(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		id := w.start(request(name)).ID
		must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
	}
	elsewhere := newEngine(t, t.TempDir()+"/other")
	r := request("e")
	r.Endpoint = fake.Endpoint(elsewhere)
	id := w.start(r).ID
	must(t, fake.At(elsewhere).Stop("bot-bottle-e"))
	w.EngineTimeout = 400 * time.Millisecond
	w.faults(fake.Faults{Faults: []fake.Fault{{Point: "inspect:before", Hang: true}}})
	for _, dry := range []bool{true, false} {
		begin := time.Now()
		plan, err := w.Recover(t.Context(), dry)
		must(t, err)
		if d := time.Since(begin); d > 1200*time.Millisecond {
			t.Errorf("dry %v: it took %s", dry, d)
		}
		kept := 0
		for _, item := range plan {
			var down *backends.Unavailable
			if item.Action == "keep" && errors.As(item.Err, &down) {
				kept++
			}
		}
		if kept != 4 || len(plan) != 5 {
			t.Errorf("dry %v: %+v", dry, plan)
		}
	}
	if b := w.bottle(id); b.State != projections.Stopped {
		t.Errorf("the one elsewhere is %s", b.State)
	}
}

// That an engine is not the one that made a bottle says nothing of the bottles
// that it did make.
func TestRecoverTellsEnginesApart(t *testing.T) {
	w := newWorld(t)
	w.faults(fake.Faults{EngineID: "one"})
	id := w.start(request("older")).ID
	must(t, w.behind().Stop("bot-bottle-older"))
	w.faults(fake.Faults{EngineID: "two"})
	w.start(request("newer")) // is looked at first
	must(t, w.behind().Delete("bot-bottle-newer"))
	must(t, w.behind().Delete("bot-bottle-older"))
	w.faults(fake.Faults{EngineID: "one"})
	plan, err := w.Recover(t.Context(), false)
	must(t, err)
	for _, item := range plan {
		if (item.Action == "keep") != (item.Bottle == "newer") {
			t.Errorf("%+v", item)
		}
	}
	if b := w.bottle(id); b.State != projections.Lost {
		t.Errorf("it is %s", b.State)
	}
}

// A dry run tells what recover would do, and does nothing.
func TestRecoverDryRun(t *testing.T) {
	w := newWorld(t)
	open, drifted := w.start(request("open")).ID, w.start(request("drifted")).ID
	w.start(request("fine"))
	w.crashAt.Store(3)
	w.dies(func() { w.Stop(context.Background(), open, lifecycle.StopRequest{}) })
	must(t, w.behind().Stop("bot-bottle-drifted"))
	head := w.head()
	plan, err := w.Recover(t.Context(), true)
	must(t, err)
	told := map[string]string{}
	for _, item := range plan {
		if item.Done {
			t.Errorf("done: %+v", item)
		}
		told[item.Bottle] = item.Detail
	}
	if len(plan) != 2 || !strings.Contains(told["open"], "stop") || !strings.Contains(told["drifted"], "stopped") || w.head() != head {
		t.Errorf("%+v", plan)
	}
	w.MachineID = "machine-2"
	if plan, err = w.Recover(t.Context(), true); err != nil || len(plan) != 2 {
		t.Errorf("%+v, %v", plan, err)
	}
	for _, item := range plan {
		if item.Bottle == "open" && item.Action != "keep" {
			t.Errorf("it would judge another machine's: %+v", item)
		}
	}
	w.MachineID = "machine-1"
	_, err = w.Recover(t.Context(), false)
	must(t, err)
	if b := w.bottle(drifted); b.State != projections.Stopped {
		t.Errorf("it is %s", b.State)
	}
	must(t, w.consistent())
	w.end()
}

// The claim of a machine that is gone for good has one way out, which the
// refusal names.
func TestForgetWhatAnotherMachineClaimed(t *testing.T) {
	w := newWorld(t)
	id := running(w)
	w.crashAt.Store(3)
	w.dies(func() { w.Stop(context.Background(), id, lifecycle.StopRequest{}) })
	w.MachineID = "machine-2"
	var no *lifecycle.Problem
	err := w.Remove(t.Context(), id, lifecycle.RemoveRequest{Force: true, Confirm: never})
	if !errors.As(err, &no) || no.Code != lifecycle.CodeBusy || !strings.Contains(no.Next, "bot-bottle rm --forget made") {
		t.Errorf("got %v", err)
	}
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Forget: true, Confirm: never}))
	if b := w.bottle(id); b.State != projections.Removed || b.Pending != nil || len(b.LeftBehind) != 1 {
		t.Errorf("%s, %+v, %v", b.State, b.Pending, b.LeftBehind)
	}
	must(t, w.behind().Stop("bot-bottle-made"))
}

// What an engine says of a failure is kept as one line of bearable length,
// with the code that the command line gives.
func TestFailureIsOneLine(t *testing.T) {
	w := newWorld(t)
	for said, code := range map[string]string{
		"one\ntwo\x00" + strings.Repeat("ä", 5000): "internal",
		backends.ErrBadRequest.Error():             "usage",
	} {
		w.faults(fake.Faults{Faults: []fake.Fault{{Point: "create:before", Error: said, Times: 1}}})
		p, err := w.Plan(t.Context(), request(""))
		must(t, err)
		out, err := w.Start(t.Context(), p, nil)
		if err == nil || out.Bottle.Failure == nil {
			t.Fatalf("%v", err)
		}
		f := out.Bottle.Failure
		if len(f.Reason) > 1100 || strings.ContainsAny(f.Reason, "\n\x00") || strings.ContainsRune(f.Reason, '\ufffd') || f.Code != code {
			t.Errorf("%s, %d bytes: %.80q", f.Code, len(f.Reason), f.Reason)
		}
	}
}
