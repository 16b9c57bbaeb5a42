package projections_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

func fold(t require, stream []events.Event) projections.Bottle {
	t.Helper()
	b, err := projections.Fold(stream)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFoldInTwoPartsIsTheSame(t *testing.T) {
	check(t, 1000, func(t *rapid.T) {
		ids, streams := byStream(stored(t, drawSteps(t, 3, 40)))
		for _, id := range ids {
			s := streams[id]
			cut := rapid.IntRange(1, len(s)).Draw(t, "cut")
			half := fold(t, s[:cut])
			whole := half // a copy goes on …
			for _, e := range s[cut:] {
				if err := whole.Apply(e); err != nil {
					t.Fatal(err)
				}
			}
			if want := fold(t, s); !reflect.DeepEqual(whole, want) {
				t.Fatalf("in two parts:\n%+v\nin one:\n%+v", whole, want)
			}
			if want := fold(t, s[:cut]); !reflect.DeepEqual(half, want) { // … and leaves the other as it was
				t.Fatalf("a copy that went on changed the bottle:\n%+v\nwas\n%+v", half, want)
			}
		}
	})
}

func TestFoldFollowsTheLife(t *testing.T) {
	check(t, 1000, func(t *rapid.T) {
		steps := drawSteps(t, 3, 60)
		log := stored(t, steps)
		bottles := map[string]projections.Bottle{}
		for _, s := range steps {
			b := bottles[s.stream]
			for range s.events {
				if err := b.Apply(log[0]); err != nil {
					t.Fatal(err)
				}
				log = log[1:]
			}
			bottles[s.stream] = b
			if b.State != s.state {
				t.Fatalf("%s after %s: state %s, want %s", s.stream, typesOf(s.events), b.State, s.state)
			}
			if pending := pendingOf(b); pending != s.pending {
				t.Fatalf("%s after %s: pending %q, want %q", s.stream, typesOf(s.events), pending, s.pending)
			}
			if (b.State == projections.Running) == b.StartedAt.IsZero() {
				t.Fatalf("%s after %s: %s since %v", s.stream, typesOf(s.events), b.State, b.StartedAt)
			}
		}
	})
}

func TestApplyDependsOnItsInputsOnly(t *testing.T) {
	check(t, 300, func(t *rapid.T) {
		_, streams := byStream(stored(t, drawSteps(t, 2, 30)))
		for _, s := range streams {
			var one, two projections.Bottle
			for _, e := range s {
				data, erasable, origin := bytes.Clone(e.Data), bytes.Clone(e.Erasable), bytes.Clone(e.Origin)
				if err := errors.Join(one.Apply(e), two.Apply(e)); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(one, two) {
					t.Fatalf("event %d gave two results", e.Seq)
				}
				if !bytes.Equal(data, e.Data) || !bytes.Equal(erasable, e.Erasable) || !bytes.Equal(origin, e.Origin) {
					t.Fatalf("event %d was changed by the fold", e.Seq)
				}
				// What the fold keeps must not lie in the event's own bytes.
				clear(e.Data)
				clear(e.Erasable)
				clear(e.Origin)
				if !reflect.DeepEqual(one, two) {
					t.Fatalf("event %d is still shared", e.Seq)
				}
				copy(e.Data, data)
				copy(e.Erasable, erasable)
				copy(e.Origin, origin)
			}
			if want := fold(t, s); !reflect.DeepEqual(one, want) {
				t.Fatalf("folded again:\n%+v\nwas\n%+v", want, one)
			}
		}
	})
}

func TestNothingBringsARemovedBottleBack(t *testing.T) {
	check(t, 200, func(t *rapid.T) {
		all := stored(t, drawSteps(t, 1, 20))
		b := fold(t, all)
		if b.State != projections.Removed {
			apply(t, &b, &events.BottleRemoved{})
		}
		for _, typ := range rapid.Permutation(events.Types()).Draw(t, "late") {
			p := events.New(typ)
			switch p := p.(type) {
			case *events.BottleCreated, *events.LogRestored:
				continue // refused: TestFoldRefuses
			case *events.ActionFailed:
				p.Action = rapid.SampledFrom([]string{"start", "resume", "stop", "remove"}).Draw(t, "failed")
			case *events.BottleObserved:
				p.Status = rapid.SampledFrom([]string{"gone", "running", "paused", "stopped", "replaced"}).Draw(t, "status")
			}
			apply(t, &b, p)
			if b.State != projections.Removed || !b.StartedAt.IsZero() {
				t.Fatalf("a late %s made a removed bottle %s since %v", typ, b.State, b.StartedAt)
			}
		}
	})
}

func TestFoldRefuses(t *testing.T) {
	at := time.UnixMilli(1_763_000_000_000).UTC()
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	first := event(t, id, 1, 1, at, &events.BottleCreated{Slug: "a"})
	second := event(t, id, 2, 2, at, &events.ActionRequested{Action: "start"})
	started := event(t, id, 3, 3, at, &events.BottleStarted{})
	with := func(e events.Event, f func(*events.Event)) events.Event { f(&e); return e }
	var unknown *events.UnknownType
	var malformed *events.Malformed
	for name, c := range map[string]struct {
		after []events.Event
		event events.Event
		as    any
	}{
		"a gap":              {[]events.Event{first}, started, nil},
		"a repetition":       {[]events.Event{first, second}, second, nil},
		"a stranger's event": {[]events.Event{first}, with(second, func(e *events.Event) { e.Stream = "other" }), nil},
		"no creation":        {nil, with(second, func(e *events.Event) { e.Version = 1 }), nil},
		"two creations":      {[]events.Event{first}, with(first, func(e *events.Event) { e.Version = 2 }), nil},
		"the home's event":   {[]events.Event{first}, event(t, id, 2, 2, at, &events.LogRestored{}), nil},
		"a newer type":       {[]events.Event{first}, with(second, func(e *events.Event) { e.Type = "BottleTeleported" }), &unknown},
		"broken data":        {[]events.Event{first}, with(second, func(e *events.Event) { e.Data = []byte(`{"action":`) }), &malformed},
		"broken private":     {nil, with(first, func(e *events.Event) { e.Erasable = []byte(`[]`) }), &malformed},
		"a claim by nobody":  {[]events.Event{first}, with(second, func(e *events.Event) { e.Origin = []byte(`x`) }), &malformed},
		"a start by nobody":  {[]events.Event{first, second}, with(started, func(e *events.Event) { e.Origin = nil }), &malformed},
	} {
		t.Run(name, func(t *testing.T) {
			b := fold(t, c.after)
			err := b.Apply(c.event)
			if err == nil {
				t.Fatal("accepted")
			}
			if c.as != nil && !errors.As(err, c.as) {
				t.Errorf("error is a %T: %v", err, err)
			}
			if want := fold(t, c.after); !reflect.DeepEqual(b, want) {
				t.Errorf("a refused event left\n%+v\nwas\n%+v", b, want)
			}
		})
	}
}

func TestEveryTypeHasAFold(t *testing.T) {
	for _, typ := range events.Types() {
		b := bottle(t)
		p := events.New(typ)
		switch p.(type) {
		case *events.BottleCreated, *events.LogRestored:
			continue // first of a bottle, first of a home
		}
		e := event(t, b.ID, b.Version+1, b.Seq+1, b.UpdatedAt.Add(time.Second), p)
		if err := b.Apply(e); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestRedactedBottleFolds(t *testing.T) {
	e := event(t, "x", 1, 1, time.UnixMilli(1).UTC(), &events.BottleCreated{Slug: "a", Private: events.Private{Argv: []string{"sh"}}})
	if b := fold(t, []events.Event{e}); b.Private == nil || len(b.Private.Argv) != 1 {
		t.Errorf("private part: %+v", b.Private)
	}
	e.Erasable, e.Salt = nil, nil
	if b := fold(t, []events.Event{e}); b.Private != nil {
		t.Errorf("redacted, but there is %+v", b.Private)
	}
}

// bottle is a running one with a stream of four events.
func bottle(t require) projections.Bottle {
	t.Helper()
	var b projections.Bottle
	b.ID = "01890a5d-ac96-774b-bcce-b302099a8057"
	apply(t, &b, &events.BottleCreated{Slug: "a", InstanceName: "bot-bottle-a", Spec: events.Spec{Labels: map[string]string{"k": "v"}}},
		&events.ActionRequested{Action: "start", Generation: 1},
		&events.InstanceCreated{Generation: 1, InstanceName: "bot-bottle-a", InstanceID: "id1"},
		&events.BottleStarted{Generation: 1, Action: "start"})
	return b
}

// apply appends payloads to a bottle, a second apart.
func apply(t require, b *projections.Bottle, ps ...events.Payload) {
	t.Helper()
	for _, p := range ps {
		at := b.UpdatedAt.Add(time.Second)
		if b.Version == 0 {
			at = time.UnixMilli(1_763_000_000_000).UTC()
		}
		if err := b.Apply(event(t, b.ID, b.Version+1, b.Seq+1, at, p)); err != nil {
			t.Fatal(err)
		}
	}
}

func typesOf(ps []events.Payload) (out []string) {
	for _, p := range ps {
		out = append(out, p.EventType())
	}
	return out
}

func pendingOf(b projections.Bottle) string {
	if b.Pending == nil {
		return ""
	}
	return b.Pending.Action
}

// TestLivesReachEverything keeps the properties above from being empty.
func TestLivesReachEverything(t *testing.T) {
	seen := map[string]int{}
	check(t, 500*fewer, func(t *rapid.T) {
		for _, s := range drawSteps(t, 3, 60) {
			seen[string(s.state)]++
			seen["pending "+s.pending]++
			for _, p := range s.events {
				seen[p.EventType()]++
			}
		}
	})
	want := []string{"pending ", "pending start", "pending stop", "pending resume", "pending remove"}
	for _, s := range projections.States {
		want = append(want, string(s))
	}
	for _, typ := range events.Types() {
		if typ != "LogRestored" {
			want = append(want, typ)
		}
	}
	for _, w := range want {
		if seen[w] < 20 {
			t.Errorf("%q was drawn %d times", w, seen[w])
		}
	}
	t.Log(seen)
}

// TestCopiesGoTheirOwnWays forks a bottle: what one copy learns the other
// must not.
func TestCopiesGoTheirOwnWays(t *testing.T) {
	made := func(ref string) events.Payload { return &events.ResourceCreated{Kind: "volume", Ref: ref} }
	b := bottle(t)
	for _, ref := range []string{"1", "2", "3", "4", "5", "6"} {
		one, two := b, b
		apply(t, &one, made("x"), &events.BottleLabelled{Set: map[string]string{"k": "one"}}, &events.ResourceReleased{Kind: "volume", Ref: "1"})
		apply(t, &two, made("y"), &events.BottleLabelled{Set: map[string]string{"k": "two"}})
		if got := one.Resources[len(one.Resources)-1].Ref + one.Labels["k"] + two.Resources[len(two.Resources)-1].Ref + two.Labels["k"] + b.Labels["k"]; got != "xoneytwov" {
			t.Fatalf("with %d resources: %s", len(b.Resources), got)
		}
		apply(t, &b, made(ref))
	}
}
