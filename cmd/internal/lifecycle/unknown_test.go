package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// slow takes a while to end when it is asked to, as agents do that save their
// work first.
var slow = []string{"sh", "-c", "trap 'sleep 0.6; exit 0' TERM; echo ready; while :; do sleep 0.05; done"}

// until waits until the agent has printed a word.
func (w *world) until(id, word string) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var out bytes.Buffer
		must(w.t, w.Logs(context.Background(), id, lifecycle.LogsRequest{LogOptions: backends.LogOptions{Tail: -1}, Stdout: &out, Stderr: &out}))
		if strings.Contains(out.String(), word) {
			return
		}
	}
	w.t.Fatalf("the agent never said %q", word)
}

// A stop that is cut off goes on in the engine. That the agent ended is then
// the user's doing, and not its own, whatever the engine said in between.
func TestStopThatIsCutOffIsTheUsers(t *testing.T) {
	cuts := map[string]func(w *world) context.Context{
		"by Ctrl-C": func(w *world) context.Context {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx
		},
		"by an engine that does not answer": func(w *world) context.Context {
			w.EngineTimeout = 200 * time.Millisecond
			return context.Background()
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.start(request("made", slow...)).ID
			w.until(id, "ready") // before its trap stands, TERM would end it at once
			w.faults(fake.Faults{Faults: []fake.Fault{{Point: "stop:signalled", Hang: true, Times: 1}}})
			err := w.Stop(cut(w), id, lifecycle.StopRequest{Grace: 10 * time.Millisecond})
			if err == nil {
				t.Fatal("nobody was told")
			}
			if b := w.bottle(id); b.Pending == nil {
				t.Errorf("the outcome was guessed: %s, %+v, told %v", b.State, b.Failure, err)
			}
			w.EngineTimeout = 10 * time.Second
			time.Sleep(800 * time.Millisecond) // the agent ends meanwhile
			_, err = w.Recover(t.Context(), false)
			must(t, err)
			if b := w.bottle(id); b.State != projections.Stopped || b.Reason != events.ReasonUser || b.Pending != nil {
				t.Errorf("%s (%s), %v", b.State, b.Reason, b.Pending)
			}
			must(t, w.consistent())
		})
	}
}

// A stop that the engine refuses is no unknown: its claim is closed, now or
// when it is settled, so that other ways stay open.
func TestStopThatIsRefusedIsClosed(t *testing.T) {
	w := newWorld(t)
	id := running(w)
	w.faults(fake.Faults{Faults: []fake.Fault{{Point: "stop:before", Error: "it does not want to"}}})
	if err := w.Stop(t.Context(), id, lifecycle.StopRequest{}); err == nil || w.bottle(id).Pending != nil {
		t.Errorf("got %v, %+v", err, w.bottle(id).Pending)
	}
	w.crashAt.Store(2)
	w.dies(func() { w.Stop(context.Background(), id, lifecycle.StopRequest{}) })
	if w.bottle(id).Pending == nil {
		t.Fatal("set-up: no claim was left open")
	}
	_, err := w.Recover(t.Context(), false)
	must(t, err)
	if b := w.bottle(id); b.Pending != nil || b.State != projections.Running {
		t.Errorf("%s, %+v", b.State, b.Pending)
	}
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Force: true, Confirm: never}))
	must(t, w.consistent())
}

// A claim whose instance was replaced by a stranger's is settled, and the
// stranger's is left alone.
func TestClaimOnAReplacedInstanceIsSettled(t *testing.T) {
	verbs := map[string]struct {
		up   func(*world) string
		verb func(w *world, id string)
		want projections.State
	}{
		"stop": {running, func(w *world, id string) { w.Stop(context.Background(), id, lifecycle.StopRequest{}) }, projections.Lost},
		"resume": {stopped, func(w *world, id string) {
			w.Resume(context.Background(), id, lifecycle.ResumeRequest{})
		}, projections.Lost},
		"rm": {stopped, func(w *world, id string) {
			w.Remove(context.Background(), id, lifecycle.RemoveRequest{Confirm: never})
		}, projections.Removed},
	}
	for name, v := range verbs {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := v.up(w)
			w.crashAt.Store(2)
			w.dies(func() { v.verb(w, id) })
			if w.bottle(id).Pending == nil {
				t.Fatal("set-up: no claim was left open")
			}
			must(t, w.behind().Delete("bot-bottle-made"))
			stranger, err := w.behind().Make("bot-bottle-made", nil)
			must(t, err)
			_, err = w.Recover(t.Context(), false)
			must(t, err)
			if b := w.bottle(id); b.Pending != nil || b.State != v.want {
				t.Errorf("%s, %+v, want %s", b.State, b.Pending, v.want)
			}
			if now, err := w.behind().ID("bot-bottle-made"); err != nil || now != stranger {
				t.Errorf("the stranger's instance is %q, %v", now, err)
			}
		})
	}
}

// What another engine at the recorded address says settles nothing.
func TestClaimIsNotSettledByAnotherEngine(t *testing.T) {
	verbs := map[string]func(w *world, id string){
		"stop": func(w *world, id string) { w.Stop(context.Background(), id, lifecycle.StopRequest{}) },
		"rm": func(w *world, id string) {
			w.Remove(context.Background(), id, lifecycle.RemoveRequest{Force: true, Confirm: never})
		},
		"resume --new-instance": func(w *world, id string) {
			must(w.t, w.Stop(context.Background(), id, lifecycle.StopRequest{}))
			w.crashAt.Store(5)
			w.Resume(context.Background(), id, lifecycle.ResumeRequest{NewInstance: true})
		},
	}
	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := running(w)
			w.crashAt.Store(2)
			if strings.HasPrefix(name, "resume") {
				w.crashAt.Store(0)
			}
			if at := w.dies(func() { verb(w, id) }); at == "" || w.bottle(id).Pending == nil {
				t.Fatalf("set-up: died at %q, no claim was left open", at)
			}
			must(t, w.behind().Delete("bot-bottle-made"))
			w.faults(fake.Faults{EngineID: "somebody-else"})
			head := w.head()
			plan, err := w.Recover(t.Context(), false)
			must(t, err)
			var down *backends.Unavailable
			if len(plan) != 1 || !errors.As(plan[0].Err, &down) {
				t.Errorf("plan %+v", plan)
			}
			if w.head() != head {
				t.Errorf("another engine was believed: %s", w.bottle(id).State)
			}
		})
	}
}

// What was paused after its start was cut short is there, and is not stopped.
func TestPausedIsNotStoppedBySettling(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	w.crashAt.Store(4)
	if at := w.dies(func() { w.Resume(context.Background(), id, lifecycle.ResumeRequest{}) }); at != "resume:started" {
		t.Fatalf("set-up: died at %s", at)
	}
	must(t, w.behind().Pause("bot-bottle-made"))
	_, err := w.Recover(t.Context(), false)
	must(t, err)
	if b := w.bottle(id); b.State != projections.Running || b.Observed != "paused" || b.Pending != nil {
		t.Errorf("%s, observed %q, pending %+v", b.State, b.Observed, b.Pending)
	}
	must(t, w.behind().Unpause("bot-bottle-made"))
	w.end()
}

// Ctrl-C in the middle of a start ends what was started; a closed terminal
// leaves it.
func TestStartThatIsCutOff(t *testing.T) {
	for _, tt := range []struct {
		cause error
		point string
		want  projections.State
	}{
		{nil, "start:after", projections.Stopped},
		{lifecycle.ErrLeave, "start:after", projections.Running},
		{nil, "create:after", projections.Failed},
	} {
		w := newWorld(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		p, err := w.Plan(t.Context(), request("made"))
		must(t, err)
		w.faults(fake.Faults{Faults: []fake.Fault{{Point: tt.point, Hang: true, Times: 1}}})
		time.AfterFunc(700*time.Millisecond, func() { cancel(tt.cause) })
		out, _ := w.Start(ctx, p, nil)
		b := w.bottle(w.all()[0].ID)
		if b.State != tt.want || b.Pending != nil {
			t.Errorf("%s, cause %v: %s (%s), pending %+v; want %s", tt.point, tt.cause, b.State, b.Reason, b.Pending, tt.want)
		}
		if b.State == projections.Stopped && b.Reason != events.ReasonInterrupted {
			t.Errorf("stopped (%s)", b.Reason)
		}
		if out.Bottle.State != b.State {
			t.Errorf("told %s, recorded %s", out.Bottle.State, b.State)
		}
		must(t, w.consistent())
		w.end()
	}
}

// Where nobody knows whether the engine made the instance, nobody says that
// it did not.
func TestCreationThatIsCutOffIsLookedForLater(t *testing.T) {
	w := newWorld(t)
	w.EngineTimeout = 300 * time.Millisecond
	p, err := w.Plan(t.Context(), request("made"))
	must(t, err)
	w.faults(fake.Faults{Faults: []fake.Fault{{Point: "create:before", Hang: true, Times: 1}}})
	if _, err := w.Start(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("told %v", err)
	}
	b := w.all()[0]
	if b.Pending == nil || b.State != projections.Created {
		t.Fatalf("%s, pending %+v", b.State, b.Pending)
	}
	w.EngineTimeout = 10 * time.Second
	_, err = w.Recover(t.Context(), false)
	must(t, err)
	if b = w.bottle(b.ID); b.State != projections.Failed || b.Instance != nil {
		t.Errorf("%s, %+v", b.State, b.Instance)
	}
	must(t, w.consistent())
}
