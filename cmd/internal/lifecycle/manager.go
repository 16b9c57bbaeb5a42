// Package lifecycle holds the verbs that change a bottle: it claims an action
// in the log, acts on the backend, and records what came of it. It is the
// only package that appends to the log. It knows no concrete backend and
// writes to no terminal.
package lifecycle

import (
	"context"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Manager carries out the verbs for one home. Everything that would make two
// runs differ is injected.
type Manager struct {
	Log      *events.Log
	Tables   *projections.Tables
	Backends *backends.Registry
	Home     string // the folder of the home, absolute and without links

	Now    func() time.Time
	NewID  func() string // UUIDv7, for bottles
	Nonce  func() string // random, for instances
	Getenv func(string) (string, bool)

	// MachineID is this machine's; a claim made on another is never judged.
	MachineID string
	// BootID is this boot's; a bottle started before it did not survive.
	BootID string
	// EngineTimeout bounds every question to an engine.
	EngineTimeout time.Duration
	// ConfigBackend is the backend named by the config file, or "".
	ConfigBackend string

	// Say is told of steps and warnings as they happen. Never nil.
	Say func(Notice)
	// At is called with the name of every step of a verb before it is taken.
	// Tests crash the process there. Never nil.
	At func(step string)
}

// Notice is something for the person at the terminal, not for a program.
type Notice struct {
	Level    Level
	Step     string // for Step and Progress: the name of the event that the step leads to
	Slug     string
	Text     string // one line; may hold words of an engine or a guest: print it safely
	Progress backends.Progress
}

// Level sorts notices.
type Level int

// The levels.
const (
	Step     Level = iota // something begins or is done
	Progress              // how far something slow is
	Warn                  // the user should know
)

func (m *Manager) step(slug, step, text string) {
	m.Say(Notice{Level: Step, Slug: slug, Step: step, Text: text})
}

func (m *Manager) warn(slug, text string) { m.Say(Notice{Level: Warn, Slug: slug, Text: text}) }

// bounded limits one question to an engine.
func (m *Manager) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return boundedBy(ctx, m.EngineTimeout)
}

// boundedBy bounds a question to an engine that may take longer than others.
func boundedBy(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, tooLong(d))
}

// tooLong is why a question ended: the time that it had.
type tooLong time.Duration

func (t tooLong) Error() string {
	return fmt.Sprintf("the engine did not answer within %s", time.Duration(t))
}

// bookkeeping is ctx without its cancellation: what was done must be recorded
// even when the user has pressed Ctrl-C.
func bookkeeping(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
