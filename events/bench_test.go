package events_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// BenchmarkAppend appends an event of the usual size to one stream of many,
// each synced to disk.
func BenchmarkAppend(b *testing.B) {
	o := options(filepath.Join(b.TempDir(), "home"))
	l := open(b, o)
	defer l.Close()
	ctx := context.Background()
	streams := make([]string, 100)
	for i := range streams {
		streams[i] = newID()
	}
	i := 0
	for b.Loop() {
		stream, version := streams[i%len(streams)], int64(i/len(streams))
		err := l.Update(ctx, func(tx *events.Tx) error {
			_, err := tx.Append(ctx, stream, version, &events.BottleStarted{Generation: 1, Action: "start"})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkAppendWithoutSync is what of that is ours and SQLite's.
func BenchmarkAppendWithoutSync(b *testing.B) {
	l := open(b, options(filepath.Join(b.TempDir(), "home")))
	defer l.Close()
	ctx := context.Background()
	stream, version := newID(), int64(0)
	for b.Loop() {
		// undone at the end: nothing is synced
		err := l.Update(ctx, func(tx *events.Tx) error {
			if _, err := tx.Append(ctx, stream, version, &events.BottleStarted{Generation: 1, Action: "start"}); err != nil {
				return err
			}
			return errUndone
		})
		if err != errUndone {
			b.Fatal(err)
		}
	}
}

var errUndone = fmt.Errorf("undone")

// BenchmarkOpenReader opens a log for reading, as list does, and asks once.
func BenchmarkOpenReader(b *testing.B) {
	home := newHome(b)
	ctx := context.Background()
	for b.Loop() {
		r, err := events.OpenReader(ctx, home, 1)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.View(ctx, func(v *events.View) error { _, err := v.Head(ctx); return err }); err != nil {
			b.Fatal(err)
		}
		closed(b, r)
	}
}

// BenchmarkScan reads a log of 10,000 events.
func BenchmarkScan(b *testing.B) {
	l := open(b, options(filepath.Join(b.TempDir(), "home")))
	defer l.Close()
	ctx := context.Background()
	err := l.Update(ctx, func(tx *events.Tx) error {
		for i := range 10_000 {
			if _, err := tx.Append(ctx, id(i%100), int64(i/100), &events.BottleStarted{Generation: 1, Action: "start"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		if err := l.View(ctx, func(v *events.View) error {
			return v.Scan(ctx, events.Filter{}, func(events.Event) error { n++; return nil })
		}); err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/event")
}
