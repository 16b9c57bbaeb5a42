package events_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// TestFirstOpenRace has eight processes make the same home at once, or bring
// the same older one up to date.
func TestFirstOpenRace(t *testing.T) {
	const processes, each = 8, 3
	for name, c := range map[string]struct {
		home string
		has  int
	}{
		"none yet":  {filepath.Join(t.TempDir(), "home"), 0},
		"an older":  {olderHome(t), 4},
		"a damaged": {filepath.Join(t.TempDir(), "home"), 0}, // by a crash while it was made
	} {
		if name == "a damaged" {
			must(t, os.MkdirAll(c.home, 0o700))
			must(t, os.WriteFile(filepath.Join(c.home, "log.db.new"), []byte("half"), 0o600))
			must(t, os.WriteFile(filepath.Join(c.home, "log.db.new-wal"), []byte("half"), 0o600))
		}
		together(t, c.home, processes, each)
		l := open(t, options(c.home))
		inStep(t, l)
		if n := len(scan(t, l, events.Filter{})); n != c.has+processes*each {
			t.Errorf("%s: %d events", name, n)
		}
		if got := entries(t, c.home); slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, ".new") }) {
			t.Errorf("%s: left behind: %v", name, got)
		}
		closed(t, l)
	}
}

// TestKilledWhileMade kills a process that makes a home: the next one goes on
// from wherever it was.
func TestKilledWhileMade(t *testing.T) {
	whole := 0
	for round := range 15 {
		home := filepath.Join(t.TempDir(), "home")
		cmd := child("append", home, id(1), "100000", "acknowledge")
		cmd.Stdout = nil
		must(t, cmd.Start())
		time.Sleep(time.Duration(2+2*round) * time.Millisecond)
		must(t, cmd.Process.Kill())
		cmd.Wait()
		if _, err := os.Stat(filepath.Join(home, events.FileName)); err == nil {
			whole++
		}
		l := open(t, options(home))
		n := int64(len(scan(t, l, events.Filter{})))
		appendTo(t, l, id(1), n, created("a"))
		inStep(t, l)
		closed(t, l)
	}
	t.Logf("in %d of 15 rounds the log was there already", whole)
}

// TestFairness has many processes write in a loop: none may starve.
func TestFairness(t *testing.T) {
	const processes, each = 16, 25
	home := newHome(t)
	l := open(t, options(home))
	began := time.Now()
	waits := together(t, home, processes, each)
	took := time.Since(began)
	slices.Sort(waits)
	t.Logf("%d processes, %d appends each in %v: worst wait %v, median of the worst %v", processes, each, took, waits[processes-1], waits[processes/2])
	// A fair wait is one append of each of the others. Starvation is a wait
	// for most of the whole run.
	if worst := waits[processes-1]; worst > took/2 && worst > time.Second {
		t.Errorf("a process waited %v of %v", worst, took)
	}
	inStep(t, l)
	closed(t, l)
}

// TestKilled kills a process that appends: what it acknowledged is there, and
// nothing is half there.
func TestKilled(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	var acknowledged int64
	for round := range 5 {
		stream := id(round)
		cmd := child("append", home, stream, "100000", "acknowledge")
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		time.AfterFunc(time.Duration(20+30*round)*time.Millisecond, func() { cmd.Process.Kill() })
		acknowledged = 0
		for {
			var n int64
			if _, err := fmt.Fscan(out, &n); err != nil {
				break
			}
			acknowledged = n
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended before it was killed")
		}
		l := open(t, options(home))
		inStep(t, l)
		if n := int64(len(scan(t, l, events.Filter{Stream: stream}))); n != acknowledged && n != acknowledged+1 {
			t.Errorf("round %d: %d events, %d were acknowledged", round, n, acknowledged)
		}
		closed(t, l)
	}
	if acknowledged == 0 {
		t.Error("nothing was ever acknowledged")
	}
}

// TestBusy lets a writer wait for another process that does not end.
func TestBusy(t *testing.T) {
	home := newHome(t)
	slow := open(t, options(home))
	defer closed(t, slow)
	o := options(home)
	o.Wait = 50 * time.Millisecond
	l := open(t, o)
	defer closed(t, l)
	err := slow.Update(t.Context(), func(*events.Tx) error {
		_, err := tryAppend(l, id(3), 0, created("c"))
		var busy *events.Busy
		if !errors.As(err, &busy) || busy.Waited != o.Wait {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := l.Update(ctx, func(*events.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		// Reading waits for nobody.
		if n := len(scan(t, l, events.Filter{})); n != 4 {
			t.Errorf("%d events", n)
		}
		return nil
	})
	must(t, err)
	db := another(t, home) // takes no turns
	other, err := db.Conn(t.Context())
	must(t, err)
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)
	var busy *events.Busy
	if _, err := tryAppend(l, id(3), 0, created("c")); !errors.As(err, &busy) {
		t.Errorf("%v", err)
	}
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	must(t, errors.Join(err, other.Close(), db.Close()))
	appendTo(t, l, id(3), 0, created("c")) // who gave up does not hold the turn
	appendTo(t, slow, id(4), 0, created("d"))
}

// TestSharedLog appends from many goroutines of one process.
func TestSharedLog(t *testing.T) {
	l := newLog(t)
	const goroutines, each = 8, 5
	errs := make(chan error)
	for g := range goroutines {
		go func() {
			var err error
			for i := range int64(each) {
				_, e := tryAppend(l, id(g), i, &events.InputSent{Bytes: i})
				var seen []events.Event
				err = errors.Join(err, e, tryScan(l, events.Filter{}, &seen))
			}
			errs <- err
		}()
	}
	for range goroutines {
		must(t, <-errs)
	}
	inStep(t, l)
	if n := len(scan(t, l, events.Filter{})); n != goroutines*each {
		t.Errorf("%d events", n)
	}
}
