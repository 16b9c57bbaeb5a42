// Package outer stands between an agent's output and the user's own terminal.
// What comes out of an instance is hostile: some sequences make a terminal
// type what the guest chose into the user's shell, run macros, print, or hand
// out the clipboard. Those stop here; everything else passes byte for byte.
// What passed and outlasts the agent is remembered, to be left with it.
//
// The filter rests on one rule, whatever a terminal makes of broken input: no
// ESC and no C1 control is passed before the whole of the part that decides
// about its sequence is known. So no terminal sees a sequence that we did not
// judge, even one that ends strings elsewhere than we do.
package outer

import (
	"io"
	"sync"
	"time"
)

// Options say what the agent may do besides writing to the screen.
type Options struct {
	// Clipboard lets it set the clipboard. It can never read it.
	Clipboard bool
	// Deaf is set where nothing typed reaches the agent: answers of the
	// terminal would go to the user's shell, so questions do not pass.
	Deaf bool
}

// maxHeld bounds what is kept of a sequence about which nothing is decided
// yet. A longer one is dropped.
const maxHeld = 4 << 10

// Terminal is the writer in front of the user's terminal. Its methods may be
// called from several goroutines.
type Terminal struct {
	to io.Writer
	o  Options

	mu  sync.Mutex
	out []byte // what this write passes on

	part    []byte // a character that the last write cut off
	state   state
	kind    kind
	verdict verdict
	held    []byte // the undecided sequence as it came
	body    []byte // what the rules look at: no introducer, no C0 controls
	ending  bool   // an ESC came within a string
	open    bool   // the terminal has yet to see the end of a passed string

	modes modes
	asked questions
}

// New makes the writer in front of a terminal.
func New(to io.Writer, o Options) *Terminal {
	return &Terminal{to: to, o: o, asked: questions{now: time.Now}}
}

// Write passes on what of p may pass, in one write at most. A sequence cut off
// at its end is kept until the next write.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == ground && len(t.part) == 0 && plain(p) == len(p) {
		return t.to.Write(p)
	}
	t.out = t.out[:0]
	t.feed(p)
	if err := t.write(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush drops a sequence that is still incomplete, and ends one of which the
// terminal has seen the beginning.
func (t *Terminal) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = t.out[:0]
	t.cut()
	return t.write()
}

// cut is the end of all that is incomplete.
func (t *Terminal) cut() {
	t.part = t.part[:0]
	switch {
	case t.state == inString && t.verdict == pass:
		t.out = append(t.out, stringEnd...)
	case t.state != ground:
		t.drop()
	}
	t.state, t.ending, t.open = ground, false, false
}

func (t *Terminal) write() error {
	if len(t.out) == 0 {
		return nil
	}
	_, err := t.to.Write(t.out)
	if cap(t.out) > 1<<20 { // one huge write must not be kept for ever
		t.out = nil
	}
	return err
}
