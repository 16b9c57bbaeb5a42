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

// foreground runs a request to its end with its output captured.
func (w *world) foreground(r lifecycle.StartRequest, ctx context.Context) (lifecycle.Outcome, string, error) {
	w.t.Helper()
	p, err := w.Plan(context.Background(), r)
	must(w.t, err)
	var out bytes.Buffer
	o, err := w.Start(ctx, p, &lifecycle.Foreground{Streams: backends.Streams{Out: &out, Err: &out}})
	return o, out.String(), err
}

func TestForegroundEndsWithTheAgentsCode(t *testing.T) {
	w := newWorld(t)
	o, said, err := w.foreground(request("one", "sh", "-c", "echo hello; exit 7"), t.Context())
	must(t, err)
	if o.ExitCode == nil || *o.ExitCode != 7 || strings.TrimSpace(said) != "hello" {
		t.Errorf("code %v, said %q", o.ExitCode, said)
	}
	if b := w.bottle(o.Bottle.ID); b.State != projections.Stopped || b.Reason != events.ReasonCrashed {
		t.Errorf("%s (%s)", b.State, b.Reason)
	}
}

// --rm removes after exit 0 and keeps after a failure.
func TestRemoveAfter(t *testing.T) {
	w := newWorld(t)
	for code, want := range map[string]projections.State{"0": projections.Removed, "3": projections.Stopped} {
		r := request("with-"+code, "sh", "-c", "exit "+code)
		r.Rm = true
		o, _, err := w.foreground(r, t.Context())
		must(t, err)
		if b := w.bottle(o.Bottle.ID); b.State != want {
			t.Errorf("exit %s: %s, want %s", code, b.State, want)
		}
	}
}

// Ctrl-C on a foreground run stops the bottle and records why; a closed
// terminal leaves the agent running.
func TestInterruptStopsAndHangUpLeaves(t *testing.T) {
	for _, leave := range []bool{false, true} {
		w := newWorld(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			for w2 := w; ; time.Sleep(20 * time.Millisecond) {
				if all := w2.all(); len(all) == 1 && all[0].State == projections.Running {
					if leave {
						cancel(lifecycle.ErrLeave)
					} else {
						cancel(nil)
					}
					return
				}
			}
		}()
		o, _, err := w.foreground(request("one"), ctx)
		b := w.bottle(o.Bottle.ID)
		switch {
		case leave && (err != nil || b.State != projections.Running || !o.Detached):
			t.Errorf("hang-up: %v, %s, detached %v", err, b.State, o.Detached)
		case !leave && (!errors.Is(err, context.Canceled) || b.State != projections.Stopped || b.Reason != events.ReasonInterrupted):
			t.Errorf("interrupt: %v, %s (%s)", err, b.State, b.Reason)
		}
		w.end()
		cancel(nil)
	}
}

// The agent's code is told, whoever else holds the bottle when it ends.
func TestExitCodeIsToldWhenSomebodyElseHolds(t *testing.T) {
	w := newWorld(t)
	other := openWorld(t, w.Home, w.engine)
	release := func() {}
	held := make(chan struct{})
	go other.whenItRuns(func(id string) {
		defer close(held)
		var err error
		if release, err = other.Hold(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	o, _, err := w.foreground(request("one", "sh", "-c", "sleep 2; exit 7"), t.Context())
	<-held
	release()
	must(t, err)
	if o.ExitCode == nil || *o.ExitCode != 7 {
		t.Errorf("code %v of %s", o.ExitCode, o.Bottle.State)
	}
	_, err = w.Recover(t.Context(), false)
	must(t, err)
	must(t, w.consistent())
}

// whenItRuns calls f once the only bottle runs and nobody acts on it.
func (w *world) whenItRuns(f func(id string)) {
	for ; ; time.Sleep(10 * time.Millisecond) {
		if all := w.all(); len(all) == 1 && all[0].State == projections.Running && all[0].Pending == nil {
			f(all[0].ID)
			return
		}
	}
}

// Everybody who watches learns the code, also of a bottle that one of them
// removes for --rm.
func TestEverybodyWhoWatchesLearnsTheCode(t *testing.T) {
	w := newWorld(t)
	other := openWorld(t, w.Home, w.engine)
	r := request("one", "sh", "-c", "sleep 2")
	r.Rm = true
	seen := make(chan error, 1)
	go other.whenItRuns(func(id string) {
		o, err := other.Attach(context.Background(), id, lifecycle.Foreground{})
		if err == nil && (o.ExitCode == nil || *o.ExitCode != 0) {
			err = errors.New("the watcher was told no code")
		}
		seen <- err
	})
	o, _, err := w.foreground(r, t.Context())
	must(t, err)
	must(t, <-seen)
	if o.ExitCode == nil || *o.ExitCode != 0 || w.bottle(o.Bottle.ID).State != projections.Removed {
		t.Errorf("code %v, %s", o.ExitCode, w.bottle(o.Bottle.ID).State)
	}
}

// Ctrl-C is heard while the engine keeps us waiting for the connection.
func TestInterruptWhileConnecting(t *testing.T) {
	w := newWorld(t)
	id := running(w)
	defer w.end()
	w.faults(fake.Faults{Faults: []fake.Fault{{Point: "attach:before", Hang: true, Times: 1}}})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	begin := time.Now()
	if _, err := w.Attach(ctx, id, lifecycle.Foreground{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %s", d)
	}
}

// Ctrl-C while another process acts on the bottle is an interruption, and
// leaves the bottle to that process.
func TestInterruptWhileSomebodyElseActs(t *testing.T) {
	w := newWorld(t)
	other := openWorld(t, w.Home, w.engine)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	held := make(chan func(), 1)
	go func() {
		defer cancel()
		for ctx.Err() == nil { // until it runs and is let go of
			if all := other.all(); len(all) > 0 && all[0].State == projections.Running {
				if release, err := other.Hold(context.Background(), all[0].ID); err == nil {
					held <- release
					return
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	_, _, err := w.foreground(request("one"), ctx)
	select {
	case release := <-held:
		release()
	default:
		t.Fatalf("nobody held it: %v", err)
	}
	var no *lifecycle.Problem
	if !errors.Is(err, context.Canceled) || errors.As(err, &no) {
		t.Errorf("got %v", err)
	}
	if said := strings.Join(w.warned, " "); !strings.Contains(said, "busy") {
		t.Errorf("nobody was told: %q", said)
	}
	w.end()
}

// --rm gives way to a protection, and to work that is nowhere else, once.
func TestRemoveAfterGivesWay(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := request("guarded", "true")
	r.Rm, r.Protect = true, true
	id := w.start(r).ID
	must(t, w.Wait(ctx, id, "stopped"))

	r = request("working", "sh", "-c", "echo more >> a.txt")
	r.Rm, r.Clone, r.Cwd = true, repo(t), "/"
	id = w.start(r).ID
	must(t, w.Wait(ctx, id, "stopped"))
	w.warned = nil
	soon, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	if err := w.Wait(soon, id, "removed"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if len(w.warned) != 1 || !strings.Contains(w.warned[0], "--rm") {
		t.Errorf("told %q", w.warned)
	}
}
