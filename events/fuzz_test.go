package events_test

import (
	"bytes"
	"errors"
	"reflect"
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
	_, export := wholeLog(f)
	f.Add(export)
	head, rest, _ := bytes.Cut(export, []byte("\n"))
	f.Add(append(bytes.Replace(head, []byte(`"events":41`), []byte(`"events":0`), 1), '\n'))
	first, _, _ := bytes.Cut(rest, []byte("\n"))
	f.Add(bytes.Join([][]byte{bytes.Replace(head, []byte(`"events":41`), []byte(`"events":1`), 1), first, nil}, []byte("\n")))
	dir := f.TempDir()
	empty := dir + "/empty"
	closed(f, open(f, options(empty)))
	f.Fuzz(func(t *testing.T, export []byte) {
		home, drop := copyHome(t, dir, empty)
		defer drop()
		l := open(t, options(home))
		defer closed(t, l)
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
		again := open(t, options(home+"/again"))
		defer closed(t, again)
		if _, err := again.Restore(t.Context(), bytes.NewReader(exported(t, l, l.HomeID())), false); err != nil {
			t.Fatal(err)
		}
		if got := scan(t, again, events.Filter{UntilSeq: done.Events + 1}); !reflect.DeepEqual(got, all) {
			t.Fatalf("%v became %v", all, got)
		}
	})
}
