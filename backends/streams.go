package backends

import (
	"io"
	"time"
)

// Size is a terminal's size in cells.
type Size struct{ Rows, Cols uint16 }

// Streams are the caller's ends. Nil readers and writers are closed ones.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Resize delivers the terminal's size, first the current one. Nil where
	// there is no terminal.
	Resize <-chan Size
}

// Command is what Exec runs.
type Command struct {
	Argv    []string
	Env     []string // K=V
	User    string
	Workdir string
	TTY     bool
	Stdin   bool
	Size    Size
	Detach  bool // return at once, code 0
}

// AttachOptions say how to attach.
type AttachOptions struct {
	TTY        bool
	ReadOnly   bool
	DetachKeys string // as docker writes them: "ctrl-p,ctrl-q"; "" the default
	// Started says that the main process runs already; otherwise Attach is
	// called before Start.
	Started bool
}

// Detachment says why Attach returned.
type Detachment string

// The two ways.
const (
	Detached Detachment = "detached" // the user left; the agent goes on
	Ended    Detachment = "ended"    // the streams ended: the main process did
)

// LogOptions select from the log.
type LogOptions struct {
	Follow bool
	Tail   int       // lines; negative: all
	Since  time.Time // zero: from the start
	TTY    bool      // the instance has a terminal: one stream, no frames
}
