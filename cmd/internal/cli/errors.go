package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// problem is a failure with its code, as lifecycle gives them too.
type problem = lifecycle.Problem

// The error codes that only the command line gives, beside lifecycle's.
const (
	codeUsage       = lifecycle.CodeUsage
	codeNotFound    = lifecycle.Code("not_found")
	codeAmbiguous   = lifecycle.Code("ambiguous")
	codeProtected   = lifecycle.Code("protected")
	codeUnwritable  = lifecycle.Code("log_unwritable")
	codeDrift       = lifecycle.Code("drift")
	codeDamaged     = lifecycle.Code("log_damaged")
	codePartlyDone  = lifecycle.Code("partly_done")
	codeInternal    = lifecycle.CodeInternal
	codeInterrupted = lifecycle.CodeInterrupted
	codeUnavailable = lifecycle.CodeUnavailable
	codeWrongState  = lifecycle.CodeWrongState
	codeDeclined    = lifecycle.CodeDeclined
	codeTimeout     = lifecycle.CodeTimeout
)

// exits is the exit code of every error code: the table of docs/cli.md.
var exits = map[lifecycle.Code]int{
	codeInternal: 1, codeUnwritable: 1,
	codeUsage: 2, codeAmbiguous: 2,
	codeNotFound:   3,
	codeWrongState: 4, codeProtected: 4, lifecycle.CodeNameTaken: 4,
	codeUnavailable:          5,
	codeDrift:                6,
	codeDamaged:              7,
	codePartlyDone:           8,
	lifecycle.CodeLeftBehind: 9,
	codeDeclined:             10,
	lifecycle.CodeBusy:       75,
	codeTimeout:              124,
	codeInterrupted:          130,
}

// Exit codes of exec and its kin, as docker has them.
const (
	exitOurs          = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// failure is what is told of an error.
type failure struct {
	Code    lifecycle.Code
	Exit    int
	Message string // one line or more, not yet safe to print
	Bottle  string
	Backend string
	Origin  string // manager, backend or guest
	Next    string
	inGuest int  // 126 or 127 when the guest could not run the words
	silent  bool // an exit code and nothing to say
	broken  bool // stdout has no reader any more
}

// guestCode is the exit code of a command that otherwise ends with the
// guest's own.
func (f failure) guestCode() int {
	switch {
	case f.Exit == exits[codeInterrupted]:
		return f.Exit
	case f.inGuest != 0:
		return f.inGuest
	}
	return exitOurs
}

// exitWith ends the program with a code and no words: the guest's own, or a
// drift that the report shows.
type exitWith int

func (e exitWith) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func usageError(message string) error { return &problem{Code: codeUsage, Message: message} }

// explain turns an error into what the user and the script are told.
func explain(err error) failure {
	if err == nil {
		return failure{}
	}
	f := failure{Code: codeInternal, Origin: "manager", Message: err.Error()}
	var silent exitWith
	if errors.As(err, &silent) {
		return failure{Exit: int(silent), silent: true}
	}
	if errors.Is(err, errBrokenPipe) {
		return failure{Exit: BrokenPipe, broken: true}
	}
	var of *lifecycle.OfBottle
	if errors.As(err, &of) {
		f.Bottle, f.Backend, f.Next = of.Slug, of.Backend, of.Next
	}
	classify(err, &f)
	f.Exit = exits[f.Code]
	return f
}

// classifyLog finds the code of what is wrong with the records.
func classifyLog(err error, f *failure) bool {
	var (
		busy     *events.Busy
		conflict *events.Conflict
		newer    *events.Newer
		older    *events.Older
		foreign  *events.Foreign
		damaged  *events.Damaged
		tables   *projections.Damaged
		write    *events.Unwritable
		place    *events.Unsafe
		unknown  *events.UnknownType
		garbled  *events.Malformed
	)
	switch {
	case errors.As(err, &busy), errors.As(err, &conflict):
		f.Code = lifecycle.CodeBusy
	case errors.As(err, &write):
		f.Code, f.Next = codeUnwritable, "df -h, and look at who may write there; nothing that was recorded is lost"
	case errors.As(err, &tables):
		f.Code, f.Next = codeDamaged, "bot-bottle rebuild"
	case errors.As(err, &place):
		f.Code, f.Next = codeDamaged, "export BOT_BOTTLE_HOME=DIR on a local disk"
	case errors.As(err, &newer), errors.As(err, &older), errors.As(err, &unknown):
		f.Code, f.Next = codeDamaged, "use the bot-bottle that wrote it, or a newer one"
	case errors.As(err, &damaged), errors.As(err, &garbled):
		f.Code, f.Next = codeDamaged, "bot-bottle --home NEW restore --take-over EXPORT, from the last export or a backup; the damaged file is left as it is"
	case errors.As(err, &foreign):
		f.Code, f.Next = codeDamaged, "bot-bottle --home DIR list"
	default:
		return false
	}
	return true
}

// classify finds the code by the types in the chain, the most telling first.
func classify(err error, f *failure) {
	var (
		p       *lifecycle.Problem
		refusal *projections.Refusal
		none    *projections.NoSuchBottle
		many    *projections.Ambiguous
		down    *backends.Unavailable
		taken   *projections.NameTaken
		errno   syscall.Errno
	)
	switch {
	case errors.As(err, &p):
		f.Code = p.Code
		f.Bottle, f.Backend, f.Next = orElse(p.Slug, f.Bottle), orElse(p.Backend, f.Backend), orElse(p.Next, f.Next)
	case errors.As(err, &refusal):
		f.Message = refusal.Error() // names the bottle itself
		f.Code, f.Bottle, f.Next = lifecycle.Code(refusal.Kind), refusal.Slug, refusal.Next
	case errors.As(err, &none):
		f.Code, f.Next = codeNotFound, "bot-bottle list --all"
	case errors.As(err, &many):
		f.Code = codeAmbiguous
	case errors.As(err, &down):
		f.Code = codeUnavailable
		f.Next = orElse(down.Hint, f.Next)
	case errors.As(err, &taken):
		f.Code, f.Bottle, f.Next = lifecycle.CodeNameTaken, taken.Slug, "bot-bottle show "+taken.Holder.ID
	case classifyLog(err, f):
	case errors.Is(err, ErrInterrupted), errors.Is(err, ErrTerminated), errors.Is(err, ErrHungUp), errors.Is(err, context.Canceled):
		f.Code, f.Message = codeInterrupted, "interrupted"
		if f.Bottle != "" {
			f.Message, f.Next = "interrupted: bottle "+f.Bottle, orElse(f.Next, "bot-bottle show "+f.Bottle)
		}
	case errors.As(err, &errno) && errno == syscall.EPIPE:
		f.broken = true
	}
	classifyEngine(err, f)
}

// classifyEngine adds what the sentinels of backends say.
func classifyEngine(err error, f *failure) {
	var down *backends.Unavailable
	if errors.As(err, &down) {
		f.Origin, f.Backend = "backend", orElse(f.Backend, down.Backend)
		f.Next = orElse(f.Next, "bot-bottle doctor")
	}
	switch {
	case errors.Is(err, backends.ErrNotExecutable):
		f.Origin, f.inGuest = "guest", exitNotExecutable
		f.wrongWords()
	case errors.Is(err, backends.ErrCommandNotFound):
		f.Origin, f.inGuest = "guest", exitNotFound
		f.wrongWords()
	case errors.Is(err, backends.ErrImageNotFound), errors.Is(err, backends.ErrImageDenied),
		errors.Is(err, backends.ErrBadRequest), errors.Is(err, backends.ErrUnsupported):
		f.Origin = "backend"
		f.wrongWords()
	}
}

// wrongWords says that the command line asked for what cannot be had, when
// nothing says more.
func (f *failure) wrongWords() {
	if f.Code == codeInternal {
		f.Code = codeUsage
	}
}
