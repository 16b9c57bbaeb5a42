package smolmachines_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// made is a machine of the fake's, which idles.
func made(t *testing.T, s smolvm, env ...string) (*smolmachines.Backend, backends.Ref) {
	t.Helper()
	return madeWith(t, s, func(spec *backends.InstanceSpec) { spec.Env = env })
}

// smallImage is one that the machines of tests are made of.
func smallImage(t *testing.T, b *smolmachines.Backend) backends.Image {
	t.Helper()
	img, err := b.ResolveImage(t.Context(), imageArchive(t, nil), backends.PullNever, func(backends.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func madeWith(t *testing.T, s smolvm, change func(*backends.InstanceSpec)) (*smolmachines.Backend, backends.Ref) {
	t.Helper()
	if !s.boots {
		t.Skip("this user can make no namespaces, so the fake has no machines")
	}
	b := s.open(t)
	img := smallImage(t, b)
	spec := backends.InstanceSpec{Name: "bottle-1", Slug: "bottle-1", Image: img, Network: "none",
		Labels: backends.Labels{Home: "home", Bottle: "b", Nonce: "nonce", Generation: 1},
		Argv:   []string{"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"}}
	change(&spec)
	inst, err := b.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plan(t, s.root, fakesmolvm.Faults{}); s.remove(t, spec.Name) })
	return b, backends.Ref{Name: spec.Name, ID: inst.ID, Labels: spec.Labels}
}

// TestAFailedBootLeavesNothing: smolvm leaves the micro-VM of a start that
// failed, and says nothing of it afterwards.
func TestAFailedBootLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name, words, code, why string
		tries                  int
		unavailable            bool
	}{
		{"kvm", "kvm permission denied: /dev/kvm", "KVM_UNAVAILABLE", "kvm", 1, true},
		{"silent_guest", "agent operation failed: start machine: agent operation failed: wait for ready: agent did not become ready within 30 seconds", "SMOLVM_ERROR", "did not boot", 2, true},
		{"broke_off", "agent operation failed: start background CMD: io operation failed: Connection reset by peer (os error 104)", "SMOLVM_ERROR", "Connection reset", 2, false},
		{"something_else", "agent operation failed: init: init[0] failed (exit 1)", "SMOLVM_ERROR", "init[0] failed", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fakeProgram(t)
			b, ref := made(t, s)
			plan(t, s.root, fakesmolvm.Faults{StartFails: c.words, StartCode: c.code, Tell: true})
			err := b.Start(t.Context(), ref, nil)
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("Start: %v, want a word of %q", err, c.why)
			}
			var u *backends.Unavailable
			if c.unavailable && (!errors.As(err, &u) || u.Hint == "") {
				t.Errorf("Start: %v, want an Unavailable with a hint", err)
			}
			calls, err := fakesmolvm.Calls(s.root)
			tries := strings.Count(strings.Join(calls, ","), "machine start")
			if err != nil || tries != c.tries {
				t.Errorf("it was started %d times, want %d (%v)", tries, c.tries, err)
			}
			if left := b.Strays(ref.Name); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestACancelledStartLeavesNothing: it is cut off by a stop, which finds what
// is just booting.
func TestACancelledStartLeavesNothing(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	plan(t, s.root, fakesmolvm.Faults{StartDelay: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(b.Strays(ref.Name)) == 0 && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	begin := time.Now()
	if err := b.Start(ctx, ref, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if left := b.Strays(ref.Name); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestASlowMachineIsNotKilled: one that is said to be unreachable is asked
// again before anything is done to it.
func TestASlowMachineIsNotKilled(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Fatal(err)
	}
	before := b.Strays(ref.Name)
	plan(t, s.root, fakesmolvm.Faults{State: "unreachable"}) // by its word only: it answers
	if o, err := b.Inspect(t.Context(), ref); err != nil || o.Status != backends.StatusRunning {
		t.Errorf("Inspect: %s, %v", o.Status, err)
	}
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Errorf("Start of what answers: %v", err)
	}
	plan(t, s.root, fakesmolvm.Faults{SilentAgent: true})
	if err := b.Start(t.Context(), ref, nil); err == nil {
		t.Error("Start of what does not answer: nil")
	}
	if after := b.Strays(ref.Name); len(before) != 1 || len(after) != 1 || after[0] != before[0] {
		t.Errorf("it was %v and is %v", before, after)
	}
	plan(t, s.root, fakesmolvm.Faults{State: "dreaming"})
	if o, err := b.Inspect(t.Context(), ref); err != nil || o.Status != backends.StatusUnresponsive || !strings.Contains(o.Detail, "dreaming") {
		t.Errorf("a state that nobody knows: %s %q, %v", o.Status, o.Detail, err)
	}
}

// TestValuesAreNowhere: neither in an argv nor in what smolvm or we keep.
func TestValuesAreNowhere(t *testing.T) {
	const secret = "sesame-open-up-4711"
	s := fakeProgram(t)
	b, ref := made(t, s, "TOKEN="+secret)
	if err := b.Start(t.Context(), ref, []string{"TOKEN=" + secret}); err != nil {
		t.Fatal(err)
	}
	s.secretIsNowhere(t, secret)
	if err := b.Stop(t.Context(), ref, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context(), ref, nil); !errors.Is(err, backends.ErrBadRequest) || !strings.Contains(err.Error(), "TOKEN") {
		t.Errorf("Start without the value: %v", err)
	}
}

// TestAMountThatWentIsToldAtOnce: smolvm would wait half a minute, and say
// that its agent is silent.
func TestAMountThatWentIsToldAtOnce(t *testing.T) {
	dir := shortDir(t)
	b, ref := madeWith(t, fakeProgram(t), func(spec *backends.InstanceSpec) {
		spec.Mounts = []backends.Mount{{Source: dir, Target: "/mnt/x"}}
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	err := b.Start(t.Context(), ref, nil)
	if !errors.Is(err, backends.ErrBadRequest) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Start: %v", err)
	}
}

// TestAScopeThatCannotBeMade does not keep a machine from starting.
func TestAScopeThatCannotBeMade(t *testing.T) {
	s := fakeProgram(t)
	_, ref := made(t, s)
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/systemd/private", 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ntouch " + dir + "/asked\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n"
	if err := os.WriteFile(dir+"/systemd-run", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	b, err := smolmachines.OpenWith(s.root, map[string]string{smolmachines.EnvProgram: s.path, "XDG_RUNTIME_DIR": dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Errorf("Start: %v", err)
	}
	if _, err := os.Stat(dir + "/asked"); err != nil {
		t.Errorf("no scope was asked for: %v", err)
	}
}
