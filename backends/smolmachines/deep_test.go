package smolmachines_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

const deepName = "bot-bottle-doctor-1"

// deep checks a machine of the fake's, and that nothing of it is left.
func deep(t *testing.T, s smolvm, ctx context.Context, say func(backends.Progress)) (steps []string, err error) {
	t.Helper()
	if _, missing := os.Stat("/bin/busybox"); !s.boots || missing != nil {
		t.Skip("this user can make no namespaces, or there is no static /bin/busybox, so the fake has no bare machines")
	}
	b := s.open(t)
	if _, err := b.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = b.DeepProbe(ctx, deepName, backends.ThrowawayLabels("", "n", time.Now()), func(p backends.Progress) {
		steps = append(steps, p.Step)
		if say != nil {
			say(p)
		}
	})
	if left := b.Strays(deepName); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	plan(t, s.root, fakesmolvm.Faults{})
	if all, lerr := b.List(t.Context(), ""); lerr != nil || len(all) > 0 {
		t.Errorf("machines left: %+v, %v", all, lerr)
	}
	return steps, err
}

func TestDeepProbe(t *testing.T) {
	steps, err := deep(t, fakeProgram(t), t.Context(), nil)
	if want := []string{"create", "start", "wait", "remove"}; err != nil || !slices.Equal(steps, want) {
		t.Errorf("%v, %v", steps, err)
	}
}

// TestDeepProbeSaysWhatFails, with the command that helps next.
func TestDeepProbeSaysWhatFails(t *testing.T) {
	for name, c := range map[string]struct {
		faults fakesmolvm.Faults
		step   string
		why    string
	}{
		"kvm": {fakesmolvm.Faults{StartFails: "kvm not available: KvmOpen(Error(13))", StartCode: "KVM_UNAVAILABLE"}, "start", "kvm"},
		"a_guest_that_dies": {fakesmolvm.Faults{StartFails: "agent operation failed: start machine: agent operation failed: monitor agent: boot process exited (code 1) before the agent was ready",
			StartCode: "SMOLVM_ERROR"}, "start", "did not boot"},
		"a_silent_guest":  {fakesmolvm.Faults{SilentAgent: true}, "wait", "is not running"},
		"a_busy_database": {fakesmolvm.Faults{DatabaseBusy: 3}, "create", "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeProgram(t)
			steps, err := deep(t, s, t.Context(), func(p backends.Progress) {
				if p.Step == "create" {
					plan(t, s.root, c.faults)
				}
			})
			if err == nil || !strings.Contains(err.Error(), c.why) || len(steps) < 2 || steps[len(steps)-2] != c.step {
				t.Fatalf("%v, %v, want %q in %s", steps, err, c.why, c.step)
			}
			var down *backends.Unavailable
			if name != "a_silent_guest" && (!errors.As(err, &down) || down.Hint == "" || strings.Contains(down.Hint, "doctor")) {
				t.Errorf("no hint in %v", err)
			}
		})
	}
}

// TestDeepProbeEndsWithItsContext in each step, and in a call that hangs, and
// leaves nothing.
func TestDeepProbeEndsWithItsContext(t *testing.T) {
	for _, step := range []string{"create", "start", "wait"} {
		t.Run(step, func(t *testing.T) {
			s := fakeProgram(t)
			ctx, cancel := context.WithCancel(t.Context())
			steps, err := deep(t, s, ctx, func(p backends.Progress) {
				if p.Step == step {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) || steps[len(steps)-1] != "remove" {
				t.Errorf("%v, %v", steps, err)
			}
		})
	}
	for step, call := range map[string]string{"create": "machine create", "start": "machine start", "wait": "machine exec"} {
		t.Run("hanging_"+step, func(t *testing.T) {
			s := fakeProgram(t)
			ctx, cancel := context.WithCancel(t.Context())
			begin := time.Now()
			_, err := deep(t, s, ctx, func(p backends.Progress) {
				if p.Step == step {
					plan(t, s.root, fakesmolvm.Faults{Hang: []string{call, "--error-format json " + call}})
					time.AfterFunc(300*time.Millisecond, cancel)
				}
			})
			if took := time.Since(begin); !errors.Is(err, context.Canceled) || took > 10*time.Second {
				t.Errorf("%v after %s", err, took)
			}
		})
	}
}
