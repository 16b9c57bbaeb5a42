package guest

import (
	"fmt"
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// Run is one run of an instance's main process, as its log tells. Times are
// by the guest's clock.
type Run struct {
	ID       string
	TTY      bool
	Began    time.Time // the holder began, and can be reached
	Started  time.Time // the agent was started; zero: not, or not yet
	Ended    time.Time // zero: no end is recorded
	PID      int       // of the agent, inside
	ExitCode *int      // as a shell has it; nil: no end is recorded, so it runs or was ended with its instance
	Signal   int       // that killed it, or 0
	// Unbounded is why RunOptions.Pids does not hold in this run; "" where it
	// does, or none was given. It is the instance's word: it may hold anything.
	Unbounded string
	// Err is why the agent could not be started: backends.ErrCommandNotFound,
	// backends.ErrNotExecutable, backends.ErrBadRequest (no such user or
	// folder) or another. ExitCode is then what the program ended with.
	Err error
}

// Over says whether the run's end is recorded.
func (r Run) Over() bool { return !r.Ended.IsZero() }

// LastRun reads a log, or the end of one, and returns its last run. A log
// without a run is backends.ErrNotFound.
func LastRun(r io.Reader) (Run, error) {
	var l Log
	if err := l.Copy(r, backends.LogOptions{Tail: 0}, nil, nil); err != nil {
		return Run{}, err
	}
	run, ok := l.Last()
	if !ok {
		return Run{}, fmt.Errorf("a run in the log: %w", backends.ErrNotFound)
	}
	return run, nil
}

// ReadLog shows what a log holds, as o selects; o.Follow means nothing here,
// where the end of r is the end (see [Log] for following).
func ReadLog(r io.Reader, o backends.LogOptions, stdout, stderr io.Writer) error {
	o.Follow = false
	var l Log
	return l.Copy(r, o, stdout, stderr)
}

// Log reads the log of an instance, in which every run leaves its lines,
// whatever else the engine puts there. The zero Log has seen nothing. It
// remembers what it has seen, so that another Copy of the same log goes on
// where the last ended.
type Log struct {
	last Run
	any  bool
	next map[string]uint64 // by run: the number of the first record not seen
}

// maxRuns bounds a log that makes up runs.
const maxRuns = 1 << 16

// Last is the last run seen so far.
func (l *Log) Last() (Run, bool) { return l.last, l.any }

// Copy shows what r holds and was not seen before, oldest first, as o
// selects. It ends with r, and with o.Follow also with the end of the last
// run, once that comes or when it was seen before. The last lines of what is
// already there are shown at the end of r; so to follow with a tail, copy the
// log as it is, without o.Follow, and then follow with all lines. A tail is
// at most the last 64 MiB.
func (l *Log) Copy(r io.Reader, o backends.LogOptions, stdout, stderr io.Writer) error {
	to := &sieve{since: o.Since, show: func(kind byte, p []byte) error { return writeTo(kind, p, stdout, stderr) }}
	if o.Tail >= 0 && !o.Follow {
		t := &tail{lines: o.Tail}
		if err := l.read(r, false, &sieve{since: o.Since, show: t.add}); err != nil {
			return err
		}
		return t.each(to.show)
	}
	return l.read(r, o.Follow, to)
}

// CopyRun shows the output of one run, whether it was seen or not: for an
// attachment that came when the run was over.
func CopyRun(r io.Reader, run string, stdout, stderr io.Writer) error {
	var l Log
	return l.read(r, false, &sieve{run: run, show: func(kind byte, p []byte) error { return writeTo(kind, p, stdout, stderr) }})
}

// sieve lets some of the output through.
type sieve struct {
	since time.Time
	run   string
	show  func(kind byte, p []byte) error
}

func (l *Log) read(r io.Reader, follow bool, to *sieve) error {
	if follow && l.any && l.last.Over() {
		return nil
	}
	for records := wire.NewRecords(r); ; {
		rec, err := records.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if !l.note(rec) {
			continue
		}
		if kind, p := output(rec); len(p) > 0 && !rec.At().Before(to.since) && (to.run == "" || to.run == rec.Run) {
			if err := to.show(kind, p); err != nil {
				return err
			}
		}
		if follow && l.last.Over() {
			return nil
		}
	}
}

// output is what a record says was printed.
func output(rec wire.Record) (kind byte, p []byte) {
	if len(rec.Out) > 0 {
		return wire.KindOut, rec.Out
	}
	return wire.KindErr, rec.Err
}

// note takes a record in, and says whether it is new.
func (l *Log) note(rec wire.Record) bool {
	if l.next == nil || len(l.next) > maxRuns {
		l.next = map[string]uint64{}
	}
	if rec.N < l.next[rec.Run] {
		return false
	}
	l.next[rec.Run] = rec.N + 1
	if !l.any || l.last.ID != rec.Run {
		l.last, l.any = Run{ID: rec.Run}, true
	}
	switch {
	case rec.Began != nil:
		l.last.Began, l.last.TTY, l.last.Unbounded = rec.At(), rec.Began.TTY, rec.Began.Unbounded
	case rec.Started != nil:
		l.last.Started, l.last.PID = rec.At(), rec.Started.PID
	case rec.Exit != nil:
		code := rec.Exit.Code & 0xff // a process has no other
		l.last.Ended, l.last.ExitCode, l.last.Signal = rec.At(), &code, rec.Exit.Signal
	case rec.Failed != nil:
		l.last.Ended, l.last.Err = rec.At(), rec.Failed.Err()
		code := backends.FailureCode(l.last.Err)
		l.last.ExitCode = &code
	}
	return true
}

func writeTo(kind byte, p []byte, stdout, stderr io.Writer) error {
	if kind == wire.KindErr {
		return write(stderr, p)
	}
	return write(stdout, p)
}
