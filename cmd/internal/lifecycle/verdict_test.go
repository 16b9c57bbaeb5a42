package lifecycle_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

var statuses = []backends.Status{backends.StatusCreated, backends.StatusRunning, backends.StatusStopped,
	backends.StatusPaused, backends.StatusUnresponsive, backends.StatusGone, backends.StatusReplaced}

// apply folds payloads into b as the log would.
func apply(t interface{ Fatal(...any) }, b projections.Bottle, ps ...events.Payload) projections.Bottle {
	for _, p := range ps {
		data, erasable, err := events.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		origin, _ := json.Marshal(events.Origin{MachineID: "m", BootID: "b"})
		e := events.Event{Seq: b.Seq + 1, Stream: "id", Version: b.Version + 1, Type: p.EventType(),
			Time: time.UnixMilli(0).UTC(), Data: data, Erasable: erasable, Origin: origin}
		if err := b.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// For every state and every answer of an engine: what is recorded brings log
// and engine together, and asking again records nothing more.
func TestVerdictConverges(t *testing.T) {
	states := map[projections.State][]events.Payload{
		projections.Created: {},
		projections.Running: {&events.BottleStarted{Generation: 1}},
		projections.Stopped: {&events.BottleStarted{Generation: 1}, &events.BottleStopped{Generation: 1, Reason: "user"}},
		projections.Failed:  {&events.ActionFailed{Action: "start"}},
		projections.Lost:    {&events.BottleObserved{Status: "gone"}},
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SampledFrom([]projections.State{projections.Created, projections.Running, projections.Stopped, projections.Failed, projections.Lost}).Draw(t, "state")
		b := apply(t, projections.Bottle{}, &events.BottleCreated{Slug: "x", Backend: "fake"}, &events.InstanceCreated{Generation: 1, InstanceID: "i"})
		b = apply(t, b, states[want]...)
		if b.State != want {
			t.Fatalf("set-up: %s, want %s", b.State, want)
		}
		for range rapid.IntRange(1, 6).Draw(t, "answers") {
			o := backends.Observation{Status: rapid.SampledFrom(statuses).Draw(t, "status")}
			if o.Status == backends.StatusStopped && rapid.Bool().Draw(t, "coded") {
				code := rapid.IntRange(0, 255).Draw(t, "code")
				o.ExitCode = &code
			}
			rebooted := rapid.Bool().Draw(t, "rebooted")
			b = apply(t, b, lifecycle.Verdict(b, o, rebooted)...)
			if again := lifecycle.Verdict(b, o, rebooted); len(again) != 0 {
				t.Fatalf("%s seen as %s: not settled after one round: %d more events", b.State, o.Status, len(again))
			}
			if o.Status == backends.StatusPaused || o.Status == backends.StatusUnresponsive {
				continue // no answer about running or not
			}
			if d := lifecycle.InUseDrift(b, o); d != "" {
				t.Fatalf("%s seen as %s: still drifts: %s", b.State, o.Status, d)
			}
		}
	})
}
