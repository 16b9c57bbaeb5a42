package lifecycle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// keyed is a request under an idempotency key.
func keyed(name string) lifecycle.StartRequest {
	r := request(name)
	r.IdempotencyKey = "k"
	return r
}

// again plans and starts, as a script does that tries once more.
func (w *world) again(r lifecycle.StartRequest) (lifecycle.Outcome, error) {
	w.t.Helper()
	p, err := w.Plan(context.Background(), r)
	must(w.t, err)
	return w.Start(context.Background(), p, nil)
}

// Where the first try died, the second one does not say that all is well
// before it has settled what the first one left.
func TestIdempotencyKeyAfterACrash(t *testing.T) {
	ran := false
	for n := int64(1); ; n++ {
		w := newWorld(t)
		w.crashAt.Store(n)
		at := w.dies(func() { w.again(keyed("made")) })
		w.crashAt.Store(0)
		if at == "" {
			w.end()
			break
		}
		out, err := w.again(keyed("made"))
		b := w.bottle(w.all()[0].ID)
		var no *lifecycle.Problem
		switch {
		case err == nil && out.Bottle.State == b.State && b.Pending == nil:
			ran = ran || b.State == projections.Running
		case errors.As(err, &no) && no.Next == "bot-bottle resume made" && b.State == projections.Failed:
		default:
			t.Errorf("died at %s: told %v and %s, it is %s, pending %v", at, err, out.Bottle.State, b.State, b.Pending)
		}
		if len(w.all()) != 1 {
			t.Errorf("died at %s: %d bottles", at, len(w.all()))
		}
		must(t, w.consistent())
		w.end()
	}
	if !ran {
		t.Error("no second try found the bottle running")
	}
}

// The same words in another folder are another request.
func TestIdempotencyKeyKnowsFolders(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	one, two := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(one, "env"), []byte("A=1\n"), 0o600))
	r := keyed("made")
	r.Cwd, r.Workspace, r.EnvFiles = one, ".", []string{"env"}
	first := w.start(r)
	if same := w.start(r); same.ID != first.ID {
		t.Errorf("the same request made %s", same.Slug)
	}
	r.Workspace, r.EnvFiles, r.Cwd = one, []string{filepath.Join(one, "env")}, two
	if same := w.start(r); same.ID != first.ID {
		t.Errorf("the same request from elsewhere made %s", same.Slug)
	}
	r.Workspace, r.Cwd = ".", two
	var no *lifecycle.Problem
	if _, err := w.again(r); !errors.As(err, &no) || no.Code != lifecycle.CodeWrongState {
		t.Errorf("another folder: %v", err)
	}
}

// Of many that try at once, one makes the bottle.
func TestIdempotencyKeyUnderContention(t *testing.T) {
	home, engine := filepath.Join(t.TempDir(), "home"), t.TempDir()
	worlds := make([]*world, 5)
	var wg sync.WaitGroup
	for i := range worlds {
		worlds[i] = openWorld(t, home, engine)
		wg.Go(func() {
			p, err := worlds[i].Plan(context.Background(), keyed(""))
			if err == nil {
				_, err = worlds[i].Start(context.Background(), p, nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := worlds[0].all(); len(got) != 1 || got[0].State != projections.Running {
		t.Errorf("%d bottles, the first is %s", len(got), got[0].State)
	}
	must(t, worlds[0].consistent())
	if got := worlds[0].locks(); len(got) != 1 {
		t.Errorf("lock files %v", got)
	}
	worlds[0].end()
}

// A name that was made up gives way to any instance in the engine; a given
// one that is taken there is refused before anything is recorded.
func TestNameTakenInTheEngine(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	r := request("")
	r.Agent, r.Cwd = "claude", "/repo"
	for _, taken := range []string{"bot-bottle-claude-repo", "bot-bottle-claude-repo-2", "bot-bottle-given"} {
		_, err := w.behind().Make(taken, nil)
		must(t, err)
	}
	if b := w.start(r); b.Slug != "claude-repo-3" || b.InstanceName != "bot-bottle-claude-repo-3" {
		t.Errorf("it is %s in %s", b.Slug, b.InstanceName)
	}
	if b := w.start(r); b.Slug != "claude-repo-4" {
		t.Errorf("the next is %s", b.Slug)
	}
	head := w.head()
	var no *lifecycle.Problem
	if _, err := w.again(request("given")); !errors.As(err, &no) || no.Code != lifecycle.CodeNameTaken || no.Next == "" || w.head() != head {
		t.Errorf("got %v", err)
	}
}

// A new instance deletes what only the old one held: a protected bottle keeps
// it, and a lost one has nothing left to keep.
func TestNewInstanceOfAProtectedBottle(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := stopped(w)
	_, err := w.Protect(ctx, id, true)
	must(t, err)
	head := w.head()
	var no *projections.Refusal
	if _, err := w.Resume(ctx, id, lifecycle.ResumeRequest{NewInstance: true}); !errors.As(err, &no) || no.Kind != "protected" || no.Next != "bot-bottle unprotect made" {
		t.Errorf("got %v", err)
	}
	if w.head() != head {
		t.Errorf("something was recorded")
	}
	must(t, w.behind().Delete("bot-bottle-made"))
	out, err := w.Resume(ctx, id, lifecycle.ResumeRequest{NewInstance: true})
	must(t, err)
	if out.Bottle.Generation != 2 {
		t.Errorf("generation %d", out.Bottle.Generation)
	}
	w.end()
	must(t, w.consistent())
}

// Other words than the recorded ones are noted, not kept; files of values are
// those of where resume is called.
func TestNewInstanceWithOtherWords(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	r := request("made")
	r.Env = []string{"TOKEN=first-value"}
	id := w.start(r).ID
	must(t, w.Stop(ctx, id, lifecycle.StopRequest{}))
	t.Chdir(t.TempDir())
	must(t, os.WriteFile("env", []byte("TOKEN=second-value\n"), 0o600))
	_, err := w.Resume(ctx, id, lifecycle.ResumeRequest{NewInstance: true, EnvFiles: []string{"env"},
		Argv: []string{"sh", "-c", "trap 'exit 0' TERM; echo $TOKEN > /tmp/it; while :; do sleep 0.05; done"}})
	must(t, err)
	var last events.Event
	must(t, w.Log.View(ctx, func(v *events.View) error {
		stream, err := v.Stream(ctx, id)
		last = stream[len(stream)-1]
		return err
	}))
	if last.Type != "BottleStarted" || !strings.Contains(string(last.Data), `"other_argv":true`) {
		t.Errorf("%s %s", last.Type, last.Data)
	}
	w.holdsNo(t, "second-value", "first-value")
	w.end()
}
