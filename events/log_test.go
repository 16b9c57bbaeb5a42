package events_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

func TestAppendAndRead(t *testing.T) {
	l := newLog(t)
	first := appendTo(t, l, id(1), 0, created("a"), &events.ActionRequested{Action: "start", Generation: 1})
	other := appendTo(t, l, id(2), 0, created("b"))
	last := appendTo(t, l, id(1), 2, &events.BottleStarted{Generation: 1, Action: "start"})
	all := append(append(append([]events.Event{}, first...), other...), last...)
	if got := scan(t, l, events.Filter{}); !reflect.DeepEqual(got, all) {
		t.Errorf("read\n%v\nwritten\n%v", got, all)
	}
	err := l.View(t.Context(), func(v *events.View) error {
		stream, err := v.Stream(t.Context(), id(1))
		if err != nil {
			return err
		}
		if want := append(append([]events.Event{}, first...), last...); !reflect.DeepEqual(stream, want) {
			t.Errorf("stream is %v, not %v", stream, want)
		}
		after, err := v.StreamAfter(t.Context(), id(1), 2)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(after, last) {
			t.Errorf("after version 2: %v, not %v", after, last)
		}
		head, err := v.Head(t.Context())
		if head != 4 {
			t.Errorf("head is %d", head)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	inStep(t, l)
}

// TestStoredBytes looks at what every proof rests on.
func TestStoredBytes(t *testing.T) {
	l := newLog(t)
	e := appendTo(t, l, id(1), 0, created("a"))[0]
	if !strings.Contains(string(e.Erasable), `"<&>"`) || !strings.Contains(string(e.Origin), `"u<&>"`) {
		t.Errorf("JSON was rewritten: %s %s", e.Erasable, e.Origin)
	}
	if strings.Contains(string(e.Data), "/w") {
		t.Errorf("the erasable part is in the data: %s", e.Data)
	}
	sum := sha256.Sum256(append(append([]byte{}, e.Salt...), e.Erasable...))
	if len(e.Salt) != 16 || string(sum[:]) != string(e.Digest) {
		t.Errorf("salt %x, digest %x", e.Salt, e.Digest)
	}
	p, err := events.Decode(e)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, events.Payload(created("a"))) {
		t.Errorf("decoded %+v", p)
	}
	if again := appendTo(t, l, id(2), 0, created("a"))[0]; string(again.Salt) == string(e.Salt) {
		t.Error("two events share a salt")
	}
}

func TestConflict(t *testing.T) {
	l := newLog(t)
	appendTo(t, l, id(1), 0, created("a"))
	for _, c := range []struct {
		stream   string
		expected int64
		have     int64
	}{{id(1), 0, 1}, {id(1), 2, 1}, {id(2), 1, 0}} {
		_, err := tryAppend(l, c.stream, c.expected, created("x"))
		var conflict *events.Conflict
		if !errors.As(err, &conflict) || *conflict != (events.Conflict{Stream: c.stream, Expected: c.expected, Have: c.have}) {
			t.Errorf("expected %d at version %d: %v", c.expected, c.have, err)
		}
	}
	if n := len(scan(t, l, events.Filter{})); n != 1 {
		t.Errorf("the log holds %d events", n)
	}
	// A conflict leaves the transaction whole: the caller may go on.
	err := l.Update(t.Context(), func(tx *events.Tx) error {
		if _, err := tx.Append(t.Context(), id(1), 0, created("x")); err == nil {
			t.Error("no conflict")
		}
		_, err := tx.Append(t.Context(), id(1), 1, &events.BottleProtected{On: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUndo(t *testing.T) {
	boom := errors.New("boom")
	projector := &counter{revision: 1}
	o := options(t.TempDir())
	o.Projector = projector
	l := open(t, o)
	defer l.Close()
	appendTo(t, l, id(1), 0, created("a"))
	check := func(name string, f func() error, want error) {
		t.Helper()
		if err := f(); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(scan(t, l, events.Filter{})); n != 1 {
			t.Errorf("%s: %d events", name, n)
		}
		inStep(t, l)
	}
	add := func(tx *events.Tx) error {
		_, err := tx.Append(context.Background(), id(2), 0, created("b"))
		return err
	}
	check("an error", func() error {
		return l.Update(t.Context(), func(tx *events.Tx) error { return errors.Join(add(tx), boom) })
	}, boom)
	check("a panic", func() (err error) {
		defer func() { err = recover().(error) }()
		l.Update(t.Context(), func(tx *events.Tx) error { add(tx); panic(boom) })
		return nil
	}, boom)
	check("the end of its goroutine", func() error {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Update(t.Context(), func(tx *events.Tx) error { add(tx); runtime.Goexit(); return nil })
		}()
		<-ended
		return nil
	}, nil)
	check("a projector's error, ignored", func() error {
		projector.fail = boom
		defer func() { projector.fail = nil }()
		return l.Update(t.Context(), func(tx *events.Tx) error { add(tx); return nil })
	}, boom)
	ctx, cancel := context.WithCancel(t.Context())
	check("cancelled inside", func() error {
		return l.Update(ctx, func(tx *events.Tx) error {
			if err := add(tx); err != nil {
				return err
			}
			cancel()
			_, err := tx.Append(ctx, id(3), 0, created("c"))
			return err
		})
	}, context.Canceled)
	check("cancelled before", func() error { return l.Update(ctx, add) }, context.Canceled)
	if err := l.Update(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	inStep(t, l)
}

func TestTransactionsEnd(t *testing.T) {
	l := newLog(t)
	appendTo(t, l, id(1), 0, created("a"))
	var tx *events.Tx
	var v *events.View
	if err := l.Update(t.Context(), func(x *events.Tx) error { tx = x; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := l.View(t.Context(), func(x *events.View) error { v = x; return nil }); err != nil {
		t.Fatal(err)
	}
	var n int
	for name, err := range map[string]error{
		"append": func() error { _, err := tx.Append(t.Context(), id(1), 1, created("x")); return err }(),
		"exec":   func() error { _, err := tx.Exec(t.Context(), "DELETE FROM projection"); return err }(),
		"query":  func() error { _, err := v.Query(t.Context(), "SELECT 1"); return err }(),
		"row":    v.QueryRow(t.Context(), "SELECT 1").Scan(&n),
		"stream": func() error { _, err := v.Stream(t.Context(), id(1)); return err }(),
		"head":   func() error { _, err := v.Head(t.Context()); return err }(),
		"scan":   v.Scan(t.Context(), events.Filter{}, func(events.Event) error { return nil }),
	} {
		if err == nil {
			t.Errorf("%s works after the end", name)
		}
	}
	inStep(t, l)
}

// TestClockGoesBackwards appends in a fall back: order is by seq only.
func TestClockGoesBackwards(t *testing.T) {
	times := []time.Time{time.UnixMilli(2000), time.UnixMilli(1000), time.Date(1969, 1, 1, 0, 0, 0, 999_999, time.FixedZone("x", 3600))}
	o := options(t.TempDir())
	i := -1
	o.Now = func() time.Time { i++; return times[i] }
	l := open(t, o)
	defer l.Close()
	for n := range times {
		appendTo(t, l, id(n), 0, created("a"))
	}
	for n, e := range scan(t, l, events.Filter{}) {
		if want := times[n].UTC().Truncate(time.Millisecond); !e.Time.Equal(want) || e.Time.Location() != time.UTC {
			t.Errorf("event %d: %v, not %v", e.Seq, e.Time, want)
		}
	}
	if got := scan(t, l, events.Filter{Since: time.UnixMilli(500)}); len(got) != 2 {
		t.Errorf("since: %v", got)
	}
}

func TestFilters(t *testing.T) {
	l := newLog(t)
	for n := range 10 {
		appendTo(t, l, id(n%3), int64(n/3), &events.InputSent{Bytes: int64(n)})
	}
	appendTo(t, l, id(0), 4, &events.SessionAttached{})
	at := func(seq int) time.Time { return scan(t, l, events.Filter{})[seq-1].Time }
	for _, c := range []struct {
		name   string
		filter events.Filter
		want   []int64
	}{
		{"all", events.Filter{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{"stream", events.Filter{Stream: id(0)}, []int64{1, 4, 7, 10, 11}},
		{"streams", events.Filter{Streams: []string{id(1), id(2)}}, []int64{2, 3, 5, 6, 8, 9}},
		{"no such stream", events.Filter{Stream: id(9)}, nil},
		{"type", events.Filter{Types: []string{"SessionAttached", "Nonsense"}}, []int64{11}},
		{"range", events.Filter{AfterSeq: 3, UntilSeq: 6}, []int64{4, 5, 6}},
		{"times", events.Filter{Since: at(4), Until: at(6)}, []int64{4, 5, 6}},
		{"first", events.Filter{Limit: 2}, []int64{1, 2}},
		{"newest", events.Filter{Limit: 2, Newest: true}, []int64{10, 11}},
		{"newest of a stream", events.Filter{Stream: id(0), UntilSeq: 10, Limit: 2, Newest: true}, []int64{7, 10}},
		{"newest without limit", events.Filter{Newest: true, AfterSeq: 9}, []int64{10, 11}},
	} {
		var got []int64
		for _, e := range scan(t, l, c.filter) {
			got = append(got, e.Seq)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
	stop := errors.New("enough")
	err := l.View(t.Context(), func(v *events.View) error {
		return v.Scan(t.Context(), events.Filter{}, func(events.Event) error { return stop })
	})
	if !errors.Is(err, stop) {
		t.Errorf("a scan that is stopped: %v", err)
	}
}

// TestViewIsOneState reads while others append.
func TestViewIsOneState(t *testing.T) {
	l := newLog(t)
	appendTo(t, l, id(1), 0, created("a"))
	err := l.View(t.Context(), func(v *events.View) error {
		before, err := v.Head(t.Context())
		if err != nil {
			return err
		}
		appendTo(t, l, id(2), 0, created("b"))
		after, err := v.Head(t.Context())
		if before != 1 || after != 1 {
			t.Errorf("head went from %d to %d inside a view", before, after)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.View(t.Context(), func(v *events.View) error {
		_, err := v.Query(t.Context(), "DELETE FROM projection RETURNING name")
		return err
	}); err == nil {
		t.Error("a view can write")
	}
}
