package events

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoLog says that a home has no log: nothing was ever recorded there.
var ErrNoLog = errors.New("there is no log")

// Conflict says that a stream is not at the version that was expected:
// somebody else appended to it. Nothing was written.
type Conflict struct {
	Stream         string
	Expected, Have int64
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("stream %s is at version %d, not %d", c.Stream, c.Have, c.Expected)
}

// Busy says that other processes kept us from the log for too long, or
// changed it under a reader that cannot lock it. Trying again is safe.
type Busy struct {
	Path   string
	Waited time.Duration
	Err    error // the cause as SQLite tells it; may be nil
}

func (b *Busy) Error() string {
	s := "the log " + b.Path + " is busy"
	if b.Waited > 0 {
		s += fmt.Sprintf(" (waited %s)", b.Waited.Round(time.Millisecond))
	}
	return because(s, b.Err)
}

func (b *Busy) Unwrap() error { return b.Err }

// Newer says that a newer bot-bottle wrote the log. Nothing was touched.
type Newer struct {
	Path       string
	What       string // schema, fold or export
	Have, Know int64  // what the file has and the greatest that this program knows
}

func (n *Newer) Error() string {
	return fmt.Sprintf("%s was written by a newer bot-bottle: its %s is %d, this one knows %d", n.Path, n.What, n.Have, n.Know)
}

// Older says that the log must be brought up to date before it can be read:
// [Open] does so.
type Older struct {
	Path       string
	What       string // schema or fold
	Have, Need int64
}

func (o *Older) Error() string {
	return fmt.Sprintf("the log %s has %s %d, this bot-bottle needs %d: open it for writing once", o.Path, o.What, o.Have, o.Need)
}

// Foreign says that something else than our log lies where it should be, or
// that the log belongs to another home. It is left alone.
type Foreign struct {
	Path string
	Why  string
	Err  error // may be nil
}

func (f *Foreign) Error() string { return because(f.Path+" is not our log: "+f.Why, f.Err) }

func (f *Foreign) Unwrap() error { return f.Err }

// Damaged says that the log is ours and broken.
type Damaged struct {
	Path string
	Seq  int64 // the first event known to be bad; 0: not known
	Why  string
	Err  error // may be nil
}

func (d *Damaged) Error() string {
	s := "the log " + d.Path + " is damaged"
	if d.Seq > 0 {
		s += fmt.Sprintf(" at event %d", d.Seq)
	}
	if d.Why != "" {
		s += ": " + d.Why
	}
	return because(s, d.Err)
}

func (d *Damaged) Unwrap() error { return d.Err }

// Unwritable says that the log cannot be written: no space, no permission, a
// read-only file system, a failing disk. What was not appended is undone.
type Unwritable struct {
	Path string
	Why  string
	Err  error
}

func (u *Unwritable) Error() string {
	return because("the log "+u.Path+" cannot be written: "+u.Why, u.Err)
}

func (u *Unwritable) Unwrap() error { return u.Err }

// Unsafe says that the home lies on a file system where SQLite's log can be
// corrupted: its readers and writers share memory, which such file systems do
// not offer across machines (https://sqlite.org/wal.html, section 1).
type Unsafe struct {
	Path string
	Kind string // for example NFS
}

func (u *Unsafe) Error() string {
	return fmt.Sprintf("%s lies on a %s file system, where the log can be corrupted: set BOT_BOTTLE_HOME to a folder on a local disk", u.Path, u.Kind)
}

func because(s string, err error) string {
	if err != nil {
		s += ": " + err.Error()
	}
	return s
}
