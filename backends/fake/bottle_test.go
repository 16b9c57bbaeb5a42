package fake_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// labels and spec are of the one bottle that these tests have in an engine.
var labels = backends.Labels{Home: "home", Bottle: "bottle", Nonce: "nonce", Generation: 1}

func spec(t testing.TB, b backends.Backend, argv ...string) backends.InstanceSpec {
	t.Helper()
	s, err := specOf(b, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func specOf(b backends.Backend, argv ...string) (backends.InstanceSpec, error) {
	img, err := b.ResolveImage(context.Background(), "sleep", backends.PullMissing, func(backends.Progress) {})
	return backends.InstanceSpec{Name: "bot-bottle-x", Slug: "x", Labels: labels, Image: img, Argv: argv, Network: "full",
		Resource: func(backends.Leftover) error { return nil }}, err
}

// running makes the bottle and starts it.
func running(t *testing.T, b backends.Backend, argv ...string) backends.Ref {
	t.Helper()
	usable(t)
	s := spec(t, b, argv...)
	inst, err := b.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ref := backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
	t.Cleanup(func() {
		if err := b.Remove(context.Background(), ref); err != nil {
			t.Log(err) // a fault may be planned
		}
	})
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Fatal(err)
	}
	return ref
}

func status(t *testing.T, b backends.Backend, want backends.Status) backends.Observation {
	t.Helper()
	o, err := b.Find(t.Context(), labels, "bot-bottle-x")
	if err != nil {
		t.Fatal(err)
	}
	if o.Status != want {
		t.Errorf("the instance is %s, want %s", o.Status, want)
	}
	return o
}

// envVerb and envDir make the test binary another process, which does one
// thing to the bottle of an engine and ends.
const (
	envVerb = "FAKE_TEST_VERB"
	envDir  = "FAKE_TEST_DIR"
)

func otherProcess(verb string) {
	ctx := context.Background()
	b, err := fake.Kind("fake").Open(fake.Endpoint(os.Getenv(envDir)))
	if err == nil {
		var o backends.Observation
		if o, err = b.Find(ctx, labels, "bot-bottle-x"); err == nil {
			err = perform(ctx, b, verb, backends.Ref{Name: o.Name, ID: o.ID, Labels: labels})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func perform(ctx context.Context, b backends.Backend, verb string, ref backends.Ref) error {
	switch verb {
	case "create":
		s, err := specOf(b)
		if err != nil {
			return err
		}
		_, err = b.Create(ctx, s)
		return err
	case "start":
		return b.Start(ctx, ref, nil)
	case "stop":
		return b.Stop(ctx, ref, 5*time.Second)
	case "remove":
		return b.Remove(ctx, ref)
	}
	return fmt.Errorf("no verb %q", verb)
}

// other runs one verb in another process and returns what it said.
func other(t *testing.T, dir, verb string) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envVerb+"="+verb, envDir+"="+dir, "GORACE=atexit_sleep_ms=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// killed checks that a process ended as kill -9 ends one.
func killed(t *testing.T, err error) {
	t.Helper()
	var exit *exec.ExitError
	if e, ok := err.(*exec.ExitError); ok {
		exit = e
	}
	if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the process ended with %v, want a kill", err)
	}
}

// supervisors finds the supervisors below an engine's folder.
func supervisors(t *testing.T, dir string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil || !strings.Contains(string(env), "BOT_BOTTLE_FAKE_SUPERVISOR="+dir+"/") {
			continue // it ended, or is none
		}
		var pid int
		if _, err := fmt.Sscanf(f, "/proc/%d/environ", &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
