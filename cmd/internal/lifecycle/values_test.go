package lifecycle_test

import (
	"errors"
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

// machine makes a bottle of the kind that keeps no value, which writes the
// values that it sees into a file of the host at each run.
func machine(t *testing.T, w *world) (id, seen string) {
	t.Helper()
	dir := t.TempDir()
	values := filepath.Join(dir, "values")
	must(t, os.WriteFile(values, []byte("FILED=filed-value\n"), 0o600))
	r := request("m", "sh", "-c", `echo "$LITERAL $CALLER $FILED $PLAIN" >> /seen/it; `+sleeper[2])
	r.Backend = "machine"
	seen = filepath.Join(dir, "seen")
	must(t, os.Mkdir(seen, 0o777))
	r.Volumes = []string{seen + ":/seen"}
	w.env["CALLER"] = "caller-value"
	r.Env, r.EnvFiles, r.EnvPlain = []string{"LITERAL=literal-value", "CALLER"}, []string{values}, []string{"PLAIN=plain-value"}
	id = w.start(r).ID
	saw(t, seen, "literal-value caller-value filed-value plain-value")
	return id, seen
}

// saw waits until the last run has written what it sees.
func saw(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []byte
	for range 400 {
		got, _ = os.ReadFile(filepath.Join(dir, "it"))
		if string(got) == strings.Join(want, "\n")+"\n" {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the runs saw %q, want %q", got, want)
}

// Where no engine keeps the values, a resume reads them again where they came
// from, and what nobody can read again must be given.
func TestResumeRecallsValues(t *testing.T) {
	w := newWorld(t)
	id, seen := machine(t, w)
	must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
	before := w.bottle(id).Version

	_, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{})
	var p *lifecycle.Problem
	if !errors.As(err, &p) || p.Code != lifecycle.CodeWrongState || !strings.Contains(p.Message, "LITERAL") || p.Next != "bot-bottle resume -e LITERAL m" {
		t.Fatalf("a resume without a value: %v, next %q", err, p.Next)
	}
	if b := w.bottle(id); b.Version != before || b.State != projections.Stopped {
		t.Errorf("the refusal changed the bottle: %s, version %d, was %d", b.State, b.Version, before)
	}
	w.env["CALLER"] = "another"
	_, err = w.Resume(t.Context(), id, lifecycle.ResumeRequest{Env: []string{"LITERAL=given-again"}})
	must(t, err)
	saw(t, seen, "literal-value caller-value filed-value plain-value", "given-again another filed-value plain-value")
	must(t, w.consistent())
	for _, secret := range []string{"literal-value", "caller-value", "filed-value", "given-again", "another"} {
		if _, err := os.ReadFile(filepath.Join(w.Home, "log.db")); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"log.db", "log.db-wal"} {
			if b, err := os.ReadFile(filepath.Join(w.Home, name)); err == nil && strings.Contains(string(b), secret) {
				t.Errorf("%s is in %s", secret, name)
			}
		}
	}
}

// A file that went, and a variable that is not set any more, are told by name.
func TestResumeTellsWhatItCannotRead(t *testing.T) {
	w := newWorld(t)
	id, seen := machine(t, w)
	must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
	must(t, os.Remove(filepath.Join(filepath.Dir(seen), "values")))
	delete(w.env, "CALLER")
	_, err := w.Resume(t.Context(), id, lifecycle.ResumeRequest{Env: []string{"LITERAL=x"}})
	var p *lifecycle.Problem
	if !errors.As(err, &p) || p.Code != lifecycle.CodeWrongState || !strings.Contains(p.Message, "FILED, CALLER") {
		t.Fatal(err)
	}
}

// A restart that would lack a value does not stop the bottle first.
func TestRestartAsksForValuesFirst(t *testing.T) {
	w := newWorld(t)
	id, _ := machine(t, w)
	err := w.Restart(t.Context(), id, lifecycle.StopRequest{})
	var p *lifecycle.Problem
	if !errors.As(err, &p) || p.Code != lifecycle.CodeWrongState || p.Next != "bot-bottle stop m, then bot-bottle resume -e LITERAL m" {
		t.Fatalf("%v, next %q", err, p.Next)
	}
	if b := w.bottle(id); b.State != projections.Running {
		t.Errorf("it is %s", b.State)
	}
	must(t, w.consistent())
}

// An engine that keeps the values takes no others.
func TestResumeRefusesValuesThatAreKept(t *testing.T) {
	w := newWorld(t)
	_, err := w.Resume(t.Context(), stopped(w), lifecycle.ResumeRequest{Env: []string{"A=b"}})
	var p *lifecycle.Problem
	if !errors.As(err, &p) || p.Code != lifecycle.CodeWrongState || !strings.Contains(p.Next, "--new-instance") {
		t.Fatal(err)
	}
}

// What an engine still holds for an agent that has ended is freed when the
// end is recorded, before it is: a crash in between leaves it to the next.
func TestEndsThatLingerAreFreed(t *testing.T) {
	w := newWorld(t)
	r := request("m", "sh", "-c", "exit 3")
	r.Backend = "machine"
	id := w.start(r).ID
	be, err := fake.MachineKind("machine").Open(fake.Endpoint(w.engine))
	must(t, err)
	b := w.bottle(id)
	ref := backends.Ref{Name: b.InstanceName, ID: b.Instance.InstanceID,
		Labels: backends.Labels{Home: w.Log.HomeID(), Bottle: id, Nonce: b.Instance.Nonce, Generation: 1}}
	if o, err := be.Wait(t.Context(), ref); err != nil || !o.Lingers {
		t.Fatalf("it does not linger: %+v, %v", o, err)
	}
	crashed := w.dies(func() {
		w.on["stop:stopped"] = func() { w.crashAt.Store(0); panic(crash("stop:stopped")) }
		w.Recover(t.Context(), false)
	})
	if crashed == "" || w.bottle(id).State != projections.Running {
		t.Fatalf("crashed at %q, and the bottle is %s", crashed, w.bottle(id).State)
	}
	if o, err := be.Inspect(t.Context(), ref); err != nil || o.Lingers {
		t.Errorf("it lingers still: %+v, %v", o, err)
	}
	again := openWorld(t, w.Home, w.engine)
	_, err = again.Recover(t.Context(), false)
	must(t, err)
	if b := again.bottle(id); b.State != projections.Stopped || b.ExitCode == nil || *b.ExitCode != 3 {
		t.Errorf("it is %s, code %v", b.State, b.ExitCode)
	}
	must(t, again.consistent())
}
