package lifecycle_test

import (
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// How an instance is attached to is what its backend says, by whichever way
// the log comes to know of it.
func TestTheSessionIsRecorded(t *testing.T) {
	const holder = "holder/1"
	for kind, want := range map[string]string{"fake": lifecycle.SessionEngine, "machine": holder} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			r := request("made")
			r.Backend = kind
			id := w.start(r).ID
			if b := w.bottle(id); b.Instance.Session != want {
				t.Errorf("made: session %q, want %q", b.Instance.Session, want)
			}
			must(t, w.Stop(t.Context(), id, lifecycle.StopRequest{}))
			must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Forget: true, Confirm: never}))
			b, err := w.Adopt(t.Context(), lifecycle.AdoptRequest{Instance: "bot-bottle-made", Backend: kind})
			must(t, err)
			if b.Instance.Session != want {
				t.Errorf("adopted: session %q, want %q", b.Instance.Session, want)
			}
		})
	}
	t.Run("found", func(t *testing.T) {
		w := newWorld(t)
		r := request("made")
		r.Backend = "machine"
		p, err := w.Plan(t.Context(), r)
		must(t, err)
		w.faults(fake.Faults{Faults: []fake.Fault{{Point: "create:after", Error: "unavailable", Times: 1}}})
		if _, err := w.Start(t.Context(), p, nil); err == nil {
			t.Fatal("a creation without an answer went well")
		}
		if b := w.all()[0]; b.Instance == nil || b.Instance.Session != holder {
			t.Errorf("found: %+v, want session %q", b.Instance, holder)
		}
	})
}
