package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Code is an error code of the command line; see docs/cli.md.
type Code string

// The codes that lifecycle gives. Typed errors of events, projections and
// backends keep their own types and are mapped where they are printed.
const (
	CodeUsage       Code = "usage"
	CodeWrongState  Code = "wrong_state"
	CodeUnavailable Code = "backend_unavailable"
	CodeLeftBehind  Code = "left_behind"
	CodeDeclined    Code = "declined"
	CodeBusy        Code = "busy"
	CodeTimeout     Code = "timeout"
	CodeInterrupted Code = "interrupted"
	CodeNameTaken   Code = "name_taken"
	CodeInternal    Code = "internal"
)

// Problem is a failure with all that the user needs: what, to which bottle
// and backend, and the command that helps next.
type Problem struct {
	Code       Code
	Message    string // one line, free of secrets
	Slug       string
	Backend    string
	Next       string   // a command, ready to paste; "" when none helps
	LeftBehind []string // with CodeLeftBehind
	Err        error    // cause; its text is part of Error
}

func (p *Problem) Error() string {
	s := p.Message
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	if len(p.LeftBehind) > 0 {
		s += "; left behind: " + strings.Join(p.LeftBehind, ", ")
	}
	return s
}

func (p *Problem) Unwrap() error { return p.Err }

// OfBottle adds to an error which bottle and backend it happened to.
type OfBottle struct {
	Slug, Backend string
	Next          string
	Err           error
}

func (o *OfBottle) Error() string { return fmt.Sprintf("bottle %s (%s): %v", o.Slug, o.Backend, o.Err) }

func (o *OfBottle) Unwrap() error { return o.Err }

// about names the bottle in an error, once. One that could not even be read
// has no name.
func about(slug, backend string, err error) error {
	var o *OfBottle
	var p *Problem
	if err == nil || slug == "" || errors.As(err, &o) || errors.As(err, &p) && p.Slug != "" {
		return err
	}
	return &OfBottle{Slug: slug, Backend: backend, Err: err}
}

func usage(format string, a ...any) error {
	return &Problem{Code: CodeUsage, Message: fmt.Sprintf(format, a...)}
}

// codeOf names an error for the log.
func codeOf(err error) Code {
	var p *Problem
	var down *backends.Unavailable
	switch {
	case errors.As(err, &p):
		return p.Code
	case errors.As(err, &down):
		return CodeUnavailable
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	case errors.Is(err, backends.ErrBadRequest), errors.Is(err, backends.ErrUnsupported),
		errors.Is(err, backends.ErrImageNotFound), errors.Is(err, backends.ErrImageDenied):
		return CodeUsage
	}
	return CodeInternal
}

// cutOff says that the engine's answer never came: what was asked of it may
// be done, or may be done yet.
func cutOff(err error) bool {
	var down *backends.Unavailable
	return errors.As(err, &down) && !down.Over || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isBusy says that another process holds the bottle.
func isBusy(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == CodeBusy
}
