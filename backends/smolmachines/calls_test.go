package smolmachines_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// TestAVerbTakesOneCallMore than what it is for: a look at whose the machine
// is. Every call is a process, and with the real smolvm tens of milliseconds.
// A verb is all that one process of ours asks, as a command does.
func TestAVerbTakesOneCallMore(t *testing.T) {
	s := fakeProgram(t)
	first, ref := made(t, s)
	const look = "machine status"
	start := func(b *smolmachines.Backend) error { return b.Start(t.Context(), ref, nil) }
	inspect := func(b *smolmachines.Backend) error { _, err := b.Inspect(t.Context(), ref); return err }
	stop := func(b *smolmachines.Backend) error {
		return errors.Join(b.Stop(t.Context(), ref, 5*time.Second), inspect(b))
	}
	for _, c := range []struct {
		verb string
		do   func(*smolmachines.Backend) error
		want []string
	}{
		{"start of what was just made", func(*smolmachines.Backend) error { return start(first) }, []string{"machine start"}},
		{"create again", func(*smolmachines.Backend) error { made(t, s); return nil }, []string{"machine create", look}},
		{"exec", func(b *smolmachines.Backend) error {
			_, err := b.Exec(t.Context(), ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
			return err
		}, []string{look, "machine exec"}},
		{"inspect", inspect, []string{look}},
		{"list", func(b *smolmachines.Backend) error { _, err := b.List(t.Context(), "home"); return err }, []string{"machine ls"}},
		{"stop", stop, []string{look, "machine stop"}},
		{"resume", start, []string{look, "machine start"}},
		{"stop and look twice", func(b *smolmachines.Backend) error { return errors.Join(stop(b), inspect(b)) },
			[]string{look, "machine stop", look}},
	} {
		got := called(t, s, func() error { return c.do(s.open(t)) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s calls %q, want %q", c.verb, got, c.want)
		}
	}
}

// called is what smolvm was asked during do.
func called(t *testing.T, s smolvm, do func() error) []string {
	t.Helper()
	plan(t, s.root, fakesmolvm.Faults{Tell: true})
	if err := do(); err != nil {
		t.Fatal(err)
	}
	calls, err := fakesmolvm.Calls(s.root)
	if err != nil {
		t.Fatal(err)
	}
	plan(t, s.root, fakesmolvm.Faults{})
	if err := os.Remove(filepath.Join(s.root, "calls")); err != nil {
		t.Fatal(err)
	}
	return calls
}

// TestWhatChangedSinceIsAskedAnew: what a handle knows of a machine it
// believes only until somebody else does something.
func TestWhatChangedSinceIsAskedAnew(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	s.remove(t, ref.Name)
	if err := b.Start(t.Context(), ref, nil); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("start of what was removed meanwhile: %v", err)
	}

	b, ref = made(t, s)
	s.remove(t, ref.Name)
	other := ref.Labels
	other.Nonce = "another"
	madeWith(t, s, func(spec *backends.InstanceSpec) { spec.Labels = other })
	if err := b.Start(t.Context(), ref, nil); !errors.Is(err, backends.ErrNotOurs) {
		t.Errorf("start of what was replaced meanwhile: %v", err)
	}
	if o, err := s.open(t).Inspect(t.Context(), backends.Ref{Name: ref.Name, Labels: other, ID: "another"}); err != nil || o.Status != backends.StatusCreated {
		t.Errorf("the other machine is %s, %v", o.Status, err)
	}

	mine := backends.Ref{Name: ref.Name, Labels: other, ID: "another"}
	b = s.open(t)
	if err := errors.Join(b.Start(t.Context(), mine, nil), b.Stop(t.Context(), mine, 0), s.open(t).Start(t.Context(), mine, nil)); err != nil {
		t.Fatal(err)
	}
	if o, err := b.Inspect(t.Context(), mine); err != nil || o.Status != backends.StatusRunning {
		t.Errorf("started by another handle after our stop it is %s, %v", o.Status, err)
	}
}

// TestWhatIsKnownIsWhatIsSeen: a machine as it was made, or stopped, is the
// same to who made it and to who asks.
func TestWhatIsKnownIsWhatIsSeen(t *testing.T) {
	s := fakeProgram(t)
	b, ref := made(t, s)
	same := func(when string) {
		t.Helper()
		known, err := b.Inspect(t.Context(), ref)
		seen, err2 := s.open(t).Inspect(t.Context(), ref)
		known.EndedAt, seen.EndedAt = known.EndedAt.Truncate(time.Minute), seen.EndedAt.Truncate(time.Minute)
		if a, b := asJSON(t, known), asJSON(t, seen); err != nil || err2 != nil || a != b {
			t.Errorf("%s: known is\n%s, %v\nand seen\n%s, %v", when, a, err, b, err2)
		}
	}
	same("made")
	if err := errors.Join(b.Start(t.Context(), ref, nil), b.Stop(t.Context(), ref, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	same("stopped")
	if err := errors.Join(b.Start(t.Context(), ref, nil), b.Stop(t.Context(), ref, 0)); err != nil {
		t.Fatal(err)
	}
	same("killed")
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
