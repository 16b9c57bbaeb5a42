package projections_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// stored turns steps into events as the log would hand them back. Clocks go
// backwards now and then.
func stored(t require, steps []step) []events.Event {
	t.Helper()
	var out []events.Event
	now := time.UnixMilli(1_763_000_000_000).UTC()
	for i, s := range steps {
		now = now.Add(time.Duration(1500-1000*(i%3)) * time.Millisecond)
		for j, p := range s.events {
			out = append(out, event(t, s.stream, s.expect+int64(j)+1, int64(len(out))+1, now, p))
		}
	}
	return out
}

// require is what helpers need of a test, of rapid's and of a benchmark.
type require interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func event(t require, stream string, version, seq int64, at time.Time, p events.Payload) events.Event {
	t.Helper()
	data, erasable, err := events.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := json.Marshal(events.Origin{Command: "test", User: "u", Host: "h", MachineID: "m1", BootID: "b1", PID: 42})
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Seq: seq, Stream: stream, Version: version, Type: p.EventType(), Time: at, Data: data, Erasable: erasable, Origin: origin}
}

// byStream splits a log into its streams, in the order of their birth.
func byStream(log []events.Event) (ids []string, streams map[string][]events.Event) {
	streams = map[string][]events.Event{}
	for _, e := range log {
		if streams[e.Stream] == nil {
			ids = append(ids, e.Stream)
		}
		streams[e.Stream] = append(streams[e.Stream], e)
	}
	return ids, streams
}

// fewer divides the number of cases.
var fewer = 1

// check runs a property so many times, unless -rapid.checks was given, and
// says how many cases ran.
func check(t *testing.T, n int, property func(*rapid.T)) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		old := flag.Lookup("rapid.checks").Value.String()
		// Set through the Value, so that it does not count as given.
		if err := flag.Lookup("rapid.checks").Value.Set(fmt.Sprint(n / fewer)); err != nil {
			t.Fatal(err)
		}
		defer flag.Lookup("rapid.checks").Value.Set(old)
	}
	cases := 0
	rapid.Check(t, func(t *rapid.T) { cases++; property(t) })
	t.Logf("%d cases", cases)
}
