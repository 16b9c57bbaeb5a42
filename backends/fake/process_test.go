package fake_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

func TestAnInstanceOutlivesItsMaker(t *testing.T) {
	usable(t)
	dir := t.TempDir()
	b := open(t, dir)
	for _, verb := range []string{"create", "start"} {
		if out, err := other(t, dir, verb); err != nil {
			t.Fatalf("%s by another process: %v: %s", verb, err, out)
		}
	}
	o := status(t, b, backends.StatusRunning)
	ref := backends.Ref{Name: o.Name, ID: o.ID, Labels: o.Labels}
	var out bytes.Buffer
	code, err := b.Exec(t.Context(), ref, backends.Command{Argv: []string{"sh", "-c", "echo here; exit 3"}}, backends.Streams{Out: &out})
	if err != nil || code != 3 || out.String() != "here\n" {
		t.Errorf("Exec in it: %d, %v, %q", code, err, out.String())
	}
	for _, verb := range []string{"stop", "remove"} {
		if out, err := other(t, dir, verb); err != nil {
			t.Fatalf("%s by another process: %v: %s", verb, err, out)
		}
	}
	status(t, b, backends.StatusGone)
	if left := supervisors(t, dir); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

func TestAKilledSupervisorIsAStoppedInstance(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ref := running(t, b)
	for _, pid := range supervisors(t, dir) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	o, err := b.Wait(t.Context(), ref)
	if err != nil || o.Status != backends.StatusStopped || o.ExitCode == nil || *o.ExitCode != 137 {
		t.Errorf("after the kill: %+v, %v", o, err)
	}
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Errorf("Start after the kill: %v", err)
	}
	status(t, b, backends.StatusRunning)
}

func TestAnInstanceEndsWhenItsFolderIsGone(t *testing.T) {
	dir := t.TempDir()
	running(t, open(t, dir))
	if err := os.RemoveAll(filepath.Join(dir, "instances")); err != nil {
		t.Fatal(err)
	}
	soon(t, "the supervisor ends", func() bool { return len(supervisors(t, dir)) == 0 })
}

func TestWithoutItsFolderAnEngineDoesNotAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	_, err := open(t, dir).Probe(t.Context())
	var down *backends.Unavailable
	if !errors.As(err, &down) || down.Endpoint != fake.Endpoint(dir) {
		t.Errorf("Probe of nothing: %v, want an Unavailable", err)
	}
}

func TestEnginesHaveLongPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	ref := running(t, b)
	if err := b.Stop(t.Context(), ref, time.Second); err != nil {
		t.Error(err)
	}
	status(t, b, backends.StatusStopped)
}

func TestImages(t *testing.T) {
	b := open(t, t.TempDir())
	var steps []backends.Progress
	resolve := func(ref string, pull backends.Pull) (backends.Image, error) {
		steps = nil
		return b.ResolveImage(t.Context(), ref, pull, func(p backends.Progress) { steps = append(steps, p) })
	}
	const remote = "registry.test/busybox"
	if _, err := resolve(remote, backends.PullNever); !errors.Is(err, backends.ErrImageNotFound) {
		t.Errorf("before the pull: %v", err)
	}
	img, err := resolve(remote, backends.PullMissing)
	if err != nil || len(steps) < 2 || img.Digest == "" || !img.Runs {
		t.Errorf("the pull: %+v, %v, %d steps", img, err, len(steps))
	}
	if again, err := resolve(remote+":latest", backends.PullNever); err != nil || again.ID != img.ID || len(steps) > 0 {
		t.Errorf("after the pull: %+v, %v, %d steps", again, err, len(steps))
	}
	if _, err := resolve(remote, backends.PullAlways); err != nil || len(steps) < 2 {
		t.Errorf("always: %v, %d steps", err, len(steps))
	}
	if _, err := resolve("registry.test/private", backends.PullMissing); !errors.Is(err, backends.ErrImageDenied) {
		t.Errorf("private: %v", err)
	}
	if _, err := resolve("registry.test/nothing", backends.PullMissing); !errors.Is(err, backends.ErrImageNotFound) {
		t.Errorf("nothing: %v", err)
	}
	notOne := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(notOne, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(notOne, backends.PullMissing); !errors.Is(err, backends.ErrBadRequest) {
		t.Errorf("no archive: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	env := func(v string) func(string) string {
		return func(name string) string {
			if name != fake.EnvEngine {
				t.Errorf("asks for %s", name)
			}
			return v
		}
	}
	k := fake.Kind("other")
	if k.Name != "other" {
		t.Errorf("named %q", k.Name)
	}
	for _, c := range []struct{ asked, env, want string }{
		{"", "/a/b", "fake:///a/b"}, {"/x y/../z", "/a/b", "fake:///z"}, {"fake:///a//b/", "", "fake:///a/b"},
		{"fake:///with%20space", "", "fake:///with%20space"}, {"", "fake:///a", "fake:///a"},
		{"", "", ""}, {"relative", "", ""}, {"fake://host/a", "", ""}, {"unix:///a", "", ""}, {"fake:", "", ""},
	} {
		got, err := k.Resolve(c.asked, env(c.env))
		if c.want == "" {
			if err == nil {
				t.Errorf("Resolve(%q) with %q: %q", c.asked, c.env, got)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("Resolve(%q) with %q: %q, %v, want %q", c.asked, c.env, got, err, c.want)
		}
		if again, err := k.Resolve(got, env("")); err != nil || again != got {
			t.Errorf("%q means %q tomorrow (%v)", got, again, err)
		}
	}
	var down *backends.Unavailable
	if _, err := k.Open("unix:///a"); !errors.As(err, &down) || down.Backend != "other" {
		t.Errorf("Open of another kind's endpoint: %v", err)
	}
}
