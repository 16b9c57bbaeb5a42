package smolmachines_test

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// TestAStartKilledHalfwayIsFound by the next stop, and by a removal.
func TestAStartKilledHalfwayIsFound(t *testing.T) {
	for _, verb := range []string{"stop", "remove"} {
		t.Run(verb, func(t *testing.T) {
			s := fakeProgram(t)
			b, ref := made(t, s)
			plan(t, s.root, fakesmolvm.Faults{StartDelay: time.Minute})
			cmd := s.command(t.Context(), "machine", "start", "--name", ref.Name)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for len(b.Strays(ref.Name)) == 0 && t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			plan(t, s.root, fakesmolvm.Faults{})
			if len(b.Strays(ref.Name)) != 1 {
				t.Fatal("the killed start left nothing to find")
			}
			var err error
			if verb == "stop" {
				err = b.Stop(t.Context(), ref, 0)
			} else {
				err = b.Remove(t.Context(), ref)
			}
			if err != nil || len(b.Strays(ref.Name)) > 0 {
				t.Errorf("%v, and there is %v", err, b.Strays(ref.Name))
			}
		})
	}
}

// TestACallThatOutlivesItsStartIsEnded: kill -9 of us leaves the smolvm that
// we called, which would boot the machine when all is settled.
func TestACallThatOutlivesItsStartIsEnded(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	plan(t, s.root, fakesmolvm.Faults{Hang: []string{"machine start"}})
	orphan := s.command(t.Context(), "machine", "start", "--name", ref.Name)
	other := fakeProgram(t)
	stranger := other.command(t.Context(), "machine", "start", "--name", ref.Name)
	plan(t, other.root, fakesmolvm.Faults{Hang: []string{"machine start"}})
	ended := make(chan error, 2)
	for _, cmd := range []*exec.Cmd{orphan, stranger} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		go func() { ended <- cmd.Wait() }()
	}
	for end := time.Now().Add(10 * time.Second); len(b.Left(ref.Name)) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the call is not seen")
		}
	}
	if err := b.Stop(t.Context(), ref, 0); err != nil {
		t.Errorf("Stop: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the call goes on")
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the call in another data root was ended, too: %v", err)
	}
}

// TestWhatRunsWithoutARecordIsEnded: a micro-VM whose machine smolvm has lost
// goes with the verb that is meant for it.
func TestWhatRunsWithoutARecordIsEnded(t *testing.T) {
	for name, verb := range map[string]func(*smolmachines.Backend, backends.Ref) error{
		"stop":   func(b *smolmachines.Backend, ref backends.Ref) error { return b.Stop(t.Context(), ref, time.Second) },
		"remove": func(b *smolmachines.Backend, ref backends.Ref) error { return b.Remove(t.Context(), ref) },
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeProgram(t)
			b, ref := made(t, s)
			if err := b.Start(t.Context(), ref, nil); err != nil {
				t.Fatal(err)
			}
			if err := fakesmolvm.Forget(s.root, ref.Name); err != nil {
				t.Fatal(err)
			}
			if n := len(b.Strays(ref.Name)); n != 1 {
				t.Fatalf("%d micro-VMs run", n)
			}
			if err := verb(s.open(t), ref); err != nil {
				t.Error(err)
			}
			if left := b.Left(ref.Name); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
