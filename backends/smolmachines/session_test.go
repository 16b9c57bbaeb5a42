package smolmachines_test

import (
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// TestTheSessionIsOfTheMachine: ours are attached to by the guest program's
// protocol, a stranger's machine by whatever smolvm has.
func TestTheSessionIsOfTheMachine(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	if o, err := b.Inspect(t.Context(), ref); err != nil || o.Session != "holder/1" {
		t.Errorf("ours: %+v, %v", o, err)
	}
	if r := s.call(t, "", "machine", "create", "--name", "stranger", "--cpus", "1", "--mem", "256"); r.code != 0 {
		t.Fatal(r.err)
	}
	o, err := b.Inspect(t.Context(), backends.Ref{Name: "stranger", ID: s.id(t, "stranger"), Foreign: true})
	if err != nil || o.Status != backends.StatusCreated || o.Session != "" {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestTheEndIsNotALostConnection: when a micro-VM ends, what is attached to it
// hears of it before smolvm does.
func TestTheEndIsNotALostConnection(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Fatal(err)
	}
	_, err := b.Attach(t.Context(), ref, backends.AttachOptions{Started: true}, backends.Streams{}, func() {
		plan(t, s.root, fakesmolvm.Faults{State: "running"})
		time.AfterFunc(time.Second, func() { plan(t, s.root, fakesmolvm.Faults{}) })
		for _, pid := range b.Strays(ref.Name) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if err != nil {
		t.Errorf("Attach: %v", err)
	}
}
