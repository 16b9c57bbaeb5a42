package events_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// FuzzDecode reads any bytes as any event: it may refuse them, by type, and
// what it takes it must write and read again as the same.
func FuzzDecode(f *testing.F) {
	for _, eventType := range events.Types() {
		for _, x := range examples(f, eventType) {
			f.Add(eventType, []byte(x.Data), []byte(x.Erasable))
		}
	}
	f.Add("BottleCreated", []byte(`{"spec":null}`), []byte(`[]`))
	f.Add("Nonsense", []byte(`{}`), []byte(nil))
	f.Fuzz(func(t *testing.T, eventType string, data, erasable []byte) {
		p, err := events.Decode(events.Event{Seq: 7, Type: eventType, Data: data, Erasable: erasable})
		var unknown *events.UnknownType
		var malformed *events.Malformed
		switch {
		case errors.As(err, &unknown):
			if events.New(eventType) != nil || unknown.Seq != 7 {
				t.Fatal(err)
			}
			return
		case errors.As(err, &malformed):
			if malformed.Seq != 7 || malformed.Type != eventType {
				t.Fatal(err)
			}
			return
		case err != nil:
			t.Fatalf("%T %v", err, err)
		}
		data, erasable, err = events.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := events.Decode(events.Event{Type: eventType, Data: data, Erasable: erasable})
		if err != nil {
			t.Fatal(err)
		}
		data2, erasable2, err := events.Encode(again)
		if err != nil || !bytes.Equal(data, data2) || !bytes.Equal(erasable, erasable2) {
			t.Fatalf("%s %s became %s %s (%v)", data, erasable, data2, erasable2, err)
		}
	})
}

// FuzzRestore reads any bytes as an export: either nothing of it is in the
// log, or all of it is there and is exported as the same lines again.
func FuzzRestore(f *testing.F) {
	seed := open(f, options(f.TempDir()))
	f.Add(exported(f, seed, seed.HomeID()))
	appendTo(f, seed, id(1), 0, &events.ExecStarted{Argc: 1, ExecPrivate: events.ExecPrivate{Argv0: "sh"}}, &events.BottleProtected{})
	f.Add(exported(f, seed, seed.HomeID()))
	closed(f, seed)
	empty, dir, n := copyOf(f, "empty"), f.TempDir(), 0
	fresh := func(t require) *events.Log {
		n++
		home := filepath.Join(dir, strconv.Itoa(n))
		copyFiles(t, home, empty)
		return open(t, options(home))
	}
	l := fresh(f) // used until something is restored into it
	f.Fuzz(func(t *testing.T, export []byte) {
		done, err := l.Restore(t.Context(), bytes.NewReader(export), false)
		all := scan(t, l, events.Filter{})
		if err != nil {
			var (
				bad     *events.BadExport
				newer   *events.Newer
				unknown *events.UnknownType
			)
			if !errors.As(err, &bad) && !errors.As(err, &newer) && !errors.As(err, &unknown) {
				t.Fatalf("%T %v", err, err)
			}
			if len(all) != 0 {
				t.Fatalf("%d events are there after %v", len(all), err)
			}
			return
		}
		if int64(len(all)) != done.Events+1 {
			t.Fatalf("%d events, restored %+v", len(all), done)
		}
		second := exported(t, l, l.HomeID())
		closed(t, l)
		l = fresh(t)
		if _, err := l.Restore(t.Context(), bytes.NewReader(second), false); err != nil {
			t.Fatal(err)
		}
		if got := scan(t, l, events.Filter{UntilSeq: done.Events + 1}); !reflect.DeepEqual(got, all) {
			t.Fatalf("%v became %v", all, got)
		}
		closed(t, l)
		l = fresh(t)
	})
	closed(f, l)
}
