package backends

import (
	"errors"
	"fmt"
)

// What callers branch on. Engines' own errors are wrapped beneath.
var (
	ErrNotFound        = errors.New("not found")                        // an instance or path that must be there
	ErrNotOurs         = errors.New("not ours")                         // a namesake without our labels
	ErrImageNotFound   = errors.New("image not found")                  // neither here nor in the registry
	ErrImageDenied     = errors.New("registry refuses without a login") //
	ErrNotRunning      = errors.New("not running")                      //
	ErrNotExecutable   = errors.New("not executable")                   // 126
	ErrCommandNotFound = errors.New("command not found")                // 127
	ErrUnsupported     = errors.New("not supported by this backend")    //
	ErrInUse           = errors.New("in use")                           // Release of something still used
	ErrBadRequest      = errors.New("the engine refuses the request")   // spec it cannot make: a bad mount, a taken port
)

// FailureCode is the exit code of a main process that could not be started: as
// shells have it (127 not found, 126 not executable), and 125 for any other
// reason, as container engines have it for failures of their own.
func FailureCode(err error) int {
	switch {
	case errors.Is(err, ErrCommandNotFound):
		return 127
	case errors.Is(err, ErrNotExecutable):
		return 126
	}
	return 125
}

// Unavailable says that an engine did not answer, or that what answered is
// not the engine that was recorded. It is never an answer about an instance.
type Unavailable struct {
	Backend  string
	Endpoint string
	Why      string // one line
	Hint     string // a command or a step that helps; "" when none is known
	Err      error
	// Over says that nothing of what was asked is still under way or to come:
	// it was refused, and its traces are gone. Without it nobody knows.
	Over bool
}

func (u *Unavailable) Error() string {
	s := fmt.Sprintf("%s at %s: %s", u.Backend, u.Endpoint, u.Why)
	if u.Err != nil {
		s += ": " + u.Err.Error()
	}
	return s
}

func (u *Unavailable) Unwrap() error { return u.Err }
