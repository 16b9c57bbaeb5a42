package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

func TestExecNeedsWords(t *testing.T) {
	w := newWorld(t)
	var no *lifecycle.Problem
	if _, err := w.Exec(t.Context(), stopped(w), lifecycle.ExecRequest{}); !errors.As(err, &no) || no.Code != lifecycle.CodeUsage {
		t.Errorf("got %v", err)
	}
}

// Verbs that are repeated are done already.
func TestVerbsAreIdempotent(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := running(w)
	if o, err := w.Resume(ctx, id, lifecycle.ResumeRequest{}); err != nil || !o.Already {
		t.Errorf("resume of a running bottle: %+v, %v", o.Already, err)
	}
	for range 2 {
		must(t, w.Stop(ctx, id, lifecycle.StopRequest{}))
	}
	for range 2 {
		must(t, w.Remove(ctx, id, lifecycle.RemoveRequest{Confirm: never}))
	}
	if b := w.bottle(id); b.State != projections.Removed {
		t.Error(b.State)
	}
	must(t, w.consistent())
}

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	r := request("")
	r.IdempotencyKey = "k"
	first := w.start(r)
	if again := w.start(r); again.ID != first.ID {
		t.Errorf("a second bottle: %s", again.Slug)
	}
	r.Argv = []string{"sleep", "1"}
	p, err := w.Plan(t.Context(), r)
	must(t, err)
	var no *lifecycle.Problem
	if _, err := w.Start(t.Context(), p, nil); !errors.As(err, &no) || no.Code != lifecycle.CodeWrongState {
		t.Errorf("another spec: %v", err)
	}
	w.end()
}

// Of processes that start one name at once, one gets it and the others learn
// who has it; made names count up instead.
func TestNamesUnderContention(t *testing.T) {
	home, engine := filepath.Join(t.TempDir(), "home"), t.TempDir()
	openWorld(t, home, engine)
	const n = 6
	var won, made [n]error
	var wg sync.WaitGroup
	worlds := make([]*world, n)
	for i := range n {
		worlds[i] = openWorld(t, home, engine)
		wg.Go(func() {
			w := worlds[i]
			for k, name := range []string{"wanted", ""} {
				p, err := w.Plan(context.Background(), request(name))
				if err == nil {
					_, err = w.Start(context.Background(), p, nil)
				}
				if k == 0 {
					won[i] = err
				} else {
					made[i] = err
				}
			}
		})
	}
	wg.Wait()
	winners := 0
	for i := range n {
		var taken *projections.NameTaken
		switch {
		case won[i] == nil:
			winners++
		case !errors.As(won[i], &taken):
			t.Errorf("a loser was told: %v", won[i])
		}
		must(t, made[i])
	}
	if winners != 1 {
		t.Errorf("%d processes got the name", winners)
	}
	if got := len(worlds[0].all()); got != n+1 {
		t.Errorf("%d bottles, want %d", got, n+1)
	}
	must(t, worlds[0].consistent())
	worlds[0].end()
}

// While one process acts on a bottle, another is told that it is busy.
func TestBusy(t *testing.T) {
	home, engine := filepath.Join(t.TempDir(), "home"), t.TempDir()
	a := openWorld(t, home, engine)
	id := running(a)
	b := openWorld(t, home, engine)
	a.faults(fake.Faults{Faults: []fake.Fault{{Point: "stop:before", Delay: 700 * time.Millisecond, Times: 1}}})
	done := make(chan error, 1)
	go func() { done <- a.Stop(context.Background(), id, lifecycle.StopRequest{}) }()
	for b.bottle(id).Pending == nil {
		time.Sleep(5 * time.Millisecond)
	}
	var no *lifecycle.Problem
	if err := b.Stop(t.Context(), id, lifecycle.StopRequest{}); !errors.As(err, &no) || no.Code != lifecycle.CodeBusy {
		t.Errorf("got %v", err)
	}
	must(t, <-done)
}

// A claim made on another machine is nobody's here to judge.
func TestClaimOfAnotherMachine(t *testing.T) {
	w := newWorld(t)
	id := running(w)
	w.crashAt.Store(3)
	if at := w.dies(func() { w.Stop(context.Background(), id, lifecycle.StopRequest{}) }); at == "" {
		t.Fatal("it did not crash")
	}
	w.crashAt.Store(0)
	w.MachineID = "machine-2"
	var no *lifecycle.Problem
	if err := w.Stop(t.Context(), id, lifecycle.StopRequest{}); !errors.As(err, &no) || no.Code != lifecycle.CodeBusy {
		t.Errorf("got %v", err)
	}
	w.MachineID = "machine-1"
	must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
}

func TestNewInstanceNeedsValuesThatAreNotRecorded(t *testing.T) {
	w := newWorld(t)
	r := request("one")
	file := filepath.Join(t.TempDir(), "env")
	must(t, os.WriteFile(file, []byte("# comment\nFROM_FILE=f1\n"), 0o600))
	w.env["CALLER"] = "c1"
	r.Env, r.EnvFiles, r.EnvPlain = []string{"LITERAL=secret-value", "CALLER"}, []string{file}, []string{"PLAIN=p"}
	id := w.start(r).ID
	must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
	defer w.end()

	var no *lifecycle.Problem
	_, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{NewInstance: true})
	if !errors.As(err, &no) || no.Code != lifecycle.CodeWrongState || !strings.Contains(no.Message, "LITERAL") || strings.Contains(no.Message, "CALLER") {
		t.Fatalf("got %v", err)
	}
	_, err = w.Resume(t.Context(), id, lifecycle.ResumeRequest{NewInstance: true, Env: []string{"LITERAL=other-value"}})
	must(t, err)
	var out bytes.Buffer
	code, err := w.Exec(t.Context(), id, lifecycle.ExecRequest{Argv: []string{"sh", "-c", "echo $LITERAL $CALLER $FROM_FILE $PLAIN"},
		Streams: backends.Streams{Out: &out}})
	if err != nil || code != 0 || strings.TrimSpace(out.String()) != "other-value c1 f1 p" {
		t.Errorf("%q, %d, %v", out.String(), code, err)
	}
	w.holdsNo(t, "secret-value", "other-value", "c1", "f1")
}

// holdsNo looks for values in every file of the home.
func (w *world) holdsNo(t *testing.T, values ...string) {
	t.Helper()
	must(t, filepath.WalkDir(w.Home, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		for _, v := range values {
			if len(v) > 4 && bytes.Contains(b, []byte(v)) {
				t.Errorf("%s holds the value %q", filepath.Base(p), v)
			}
		}
		return err
	}))
}

func TestCopyBothWays(t *testing.T) {
	w := newWorld(t)
	id := running(w)
	defer w.end()
	src := filepath.Join(t.TempDir(), "tree")
	must(t, os.MkdirAll(filepath.Join(src, "sub"), 0o755))
	must(t, os.WriteFile(filepath.Join(src, "sub", "a"), []byte("payload"), 0o640))
	must(t, os.Symlink("sub/a", filepath.Join(src, "inside")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(src, "outside")))
	must(t, w.CopyIn(t.Context(), id, src, "/tmp"))
	back := t.TempDir()
	must(t, w.CopyOut(t.Context(), id, "/tmp/tree", back))
	got, err := os.ReadFile(filepath.Join(back, "tree", "inside"))
	if err != nil || string(got) != "payload" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Lstat(filepath.Join(back, "tree", "outside")); err == nil {
		t.Error("a link that leads out of the copy was made on the host")
	}
	if said := strings.Join(w.warned, " "); !strings.Contains(said, "outside") {
		t.Errorf("nobody was told: %q", said)
	}
}

func TestRenameLabelProtect(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	ctx := t.Context()
	b, err := w.Rename(ctx, id, "other")
	must(t, err)
	if b.Slug != "other" || b.InstanceName != "bot-bottle-made" {
		t.Errorf("%s %s", b.Slug, b.InstanceName)
	}
	b, err = w.Label(ctx, id, map[string]string{"k": "v"}, []string{"absent"})
	must(t, err)
	version := b.Version
	if b, err = w.Label(ctx, id, map[string]string{"k": "v"}, nil); err != nil || b.Version != version {
		t.Errorf("what was so already was recorded again: %v", err)
	}
	_, err = w.Protect(ctx, id, true)
	must(t, err)
	var no *projections.Refusal
	if err := w.Remove(ctx, id, lifecycle.RemoveRequest{Force: true, Confirm: never}); !errors.As(err, &no) || no.Kind != "protected" {
		t.Errorf("got %v", err)
	}
	if err := w.Remove(ctx, id, lifecycle.RemoveRequest{Forget: true, Confirm: never}); !errors.As(err, &no) {
		t.Errorf("forget: got %v", err)
	}
	// the old name is free again, its instance's name is not
	p, err := w.Plan(ctx, request("made"))
	must(t, err)
	var taken *projections.NameTaken
	if _, err := w.Start(ctx, p, nil); !errors.As(err, &taken) {
		t.Errorf("got %v", err)
	}
}

func TestRiskyMounts(t *testing.T) {
	w := newWorld(t)
	home := w.env["HOME"]
	must(t, os.MkdirAll(filepath.Join(home, ".ssh"), 0o700))
	must(t, os.MkdirAll(filepath.Join(home, "code"), 0o700))
	link := filepath.Join(home, "link")
	must(t, os.Symlink(filepath.Join(home, ".ssh"), link))
	must(t, os.MkdirAll(filepath.Join(w.Home, "volumes", "cache"), 0o700))
	for src, risky := range map[string]bool{
		"/": true, "/proc": true, "/sys/fs": true, "/dev/null": true, home: true, link: true, filepath.Join(home, ".ssh"): true,
		w.Home: true, filepath.Join(w.Home, "log.db"): true, filepath.Dir(w.Home): true,
		filepath.Join(w.Home, "volumes", "cache"): false, filepath.Join(home, "code"): false,
	} {
		if err := w.CheckRisk(src, "fake:///x"); (err != nil) != risky {
			t.Errorf("%s: %v", src, err)
		}
	}
}
