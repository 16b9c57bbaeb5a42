package fake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Faults is what is to go wrong in an engine, for every process that uses it.
type Faults struct {
	// Unreachable, when not empty, is why every call fails with an
	// *[backends.Unavailable].
	Unreachable string
	// EngineID, when not empty, is who the engine says it is.
	EngineID string
	Faults   []Fault
}

// Fault is one thing that goes wrong at one point. Of what it names, the
// delay comes first, then the kill, the hang, the error.
type Fault struct {
	// Point is one of [Points].
	Point string
	// Instance restricts it to one instance name; "" is any.
	Instance string
	// Skip lets the first calls pass; Times, when not 0, ends it after so
	// many.
	Skip, Times int
	// Delay is latency. The end of the context ends it.
	Delay time.Duration
	// Kill ends the calling process as kill -9 does.
	Kill bool
	// Hang waits for the end of the context.
	Hang bool
	// Error is the text of one of the errors of package backends,
	// "unavailable", or any other text.
	Error string
}

// SetFaults replaces the plan of an engine; the zero plan is none.
func SetFaults(dir string, f Faults) error {
	known := Points()
	for _, one := range f.Faults {
		if !slices.Contains(known, one.Point) {
			return fmt.Errorf("fake: there is no point %q", one.Point)
		}
	}
	unlock, err := lock(context.Background(), At(dir).path("faults.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return writeJSON(At(dir).path("faults.json"), f)
}

// Faults is what is still to go wrong: a fault that was due as often as it was
// planned for is no longer in it, and the calls that passed one are taken off
// its Skip.
func (e *Engine) Faults() (Faults, error) { return e.plan() }

// methods are the methods of a backend by the names of their points; the
// words behind one are the points between its effects.
var methods = []struct {
	name  string
	steps []string
}{
	{"probe", nil}, {"image", nil}, {"create", []string{"announced", "resource"}}, {"start", []string{"launched"}},
	{"stop", []string{"signalled"}}, {"remove", []string{"ended"}}, {"inspect", nil}, {"find", nil}, {"list", nil}, {"in-project", nil}, {"deep", nil}, {"sizes", nil},
	{"exec", []string{"connected"}}, {"attach", []string{"connected"}}, {"wait", nil}, {"logs", nil}, {"copyin", nil}, {"copyout", nil}, {"stat", nil},
	{"leftovers", nil}, {"release", nil},
}

// Points lists where faults can be: "METHOD:before" and "METHOD:after" of
// each method, and between its effects. A fault after the effect makes a
// call fail whose work is done. Nothing of an after is seen when the call
// failed by itself.
func Points() (out []string) {
	for _, m := range methods {
		out = append(out, m.name+":before")
		for _, step := range m.steps {
			out = append(out, m.name+":"+step)
		}
		out = append(out, m.name+":after")
	}
	return out
}

// plan reads what is to go wrong.
func (e *Engine) plan() (f Faults, err error) {
	err = readJSON(e.path("faults.json"), &f)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return f, err
}

// at lets go wrong what is planned at a point.
func (b *backend) at(ctx context.Context, point, instance string) error {
	f, err := b.plan()
	if err != nil || !slices.ContainsFunc(f.Faults, func(one Fault) bool { return one.is(point, instance) }) {
		return err
	}
	due, err := b.due(ctx, point, instance)
	if err != nil {
		return err
	}
	for _, one := range due {
		if err := one.strike(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (f Fault) is(point, instance string) bool {
	return f.Point == point && (f.Instance == "" || f.Instance == instance)
}

// due takes the faults whose turn it is, counted over all processes.
func (b *backend) due(ctx context.Context, point, instance string) (due []Fault, err error) {
	unlock, err := lock(ctx, b.path("faults.lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, err := b.plan()
	if err != nil {
		return nil, err
	}
	rest := f
	rest.Faults = nil
	for _, one := range f.Faults {
		if one.is(point, instance) {
			if one.Skip > 0 {
				one.Skip--
			} else {
				due = append(due, one)
				if one.Times == 1 {
					continue // that was the last time
				}
				one.Times = max(one.Times-1, 0)
			}
		}
		rest.Faults = append(rest.Faults, one)
	}
	return due, writeJSON(b.path("faults.json"), rest)
}

func (f Fault) strike(ctx context.Context, b *backend) error {
	if f.Delay > 0 {
		if err := pause(ctx, f.Delay); err != nil {
			return err
		}
	}
	if f.Kill {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		select {} // the signal is on its way
	}
	if f.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	switch f.Error {
	case "":
		return nil
	case "unavailable":
		return b.unavailable("fault at " + f.Point)
	}
	return fmt.Errorf("fault at %s: %w", f.Point, errorNamed(f.Error))
}

// known are the errors that callers branch on. Their texts name them where an
// error has to go through a file or a socket.
var known = []error{backends.ErrNotFound, backends.ErrNotOurs, backends.ErrImageNotFound, backends.ErrImageDenied,
	backends.ErrNotRunning, backends.ErrNotExecutable, backends.ErrCommandNotFound, backends.ErrUnsupported,
	backends.ErrInUse, backends.ErrBadRequest}

func errorNamed(text string) error {
	for _, err := range known {
		if err.Error() == text {
			return err
		}
	}
	return errors.New(text)
}

// nameOf is the inverse of errorNamed for the errors of package backends.
func nameOf(err error) string {
	for _, k := range known {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	return ""
}

func (b *backend) unavailable(why string) error {
	return &backends.Unavailable{Backend: b.kind, Endpoint: b.endpoint, Why: why, Hint: "remove the fault"}
}
