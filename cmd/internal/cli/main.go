// Package cli is the command line: it reads words, asks lifecycle or the
// projections, prints, and gives the exit code. It holds no rule about
// bottles. docs/cli.md is its contract.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// Env is everything of the outside that a run of the program depends on.
type Env struct {
	// Stdin, Stdout and Stderr are terminals when they have a descriptor that
	// is one.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(name string) (value string, set bool)
	Cwd            string // the current folder; "" when it is gone
	Now            func() time.Time
	NewID          func() string // UUIDv7, for bottles
	Nonce          func() string // random, for instances
	Backends       *backends.Registry
	// SystemConfig is the path of the machine's config file.
	SystemConfig string
	Build        Build
	// Signals makes signals end the context, for commands that have something
	// to finish then; see WithSignals. Nil leaves them be.
	Signals func(context.Context) context.Context
	// At is told each step of a verb before it is taken; tests crash there.
	At func(step string)
}

// Why a context ended, as its cause: main gives one for each signal.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrTerminated  = errors.New("terminated")
	ErrHungUp      = fmt.Errorf("the terminal was closed: %w", lifecycle.ErrLeave)
)

// BrokenPipe is what Main returns when the reader of stdout has left: the
// shell's number for a program that SIGPIPE ended.
const BrokenPipe = 128 + 13

// Main runs one command line, without the program's name, and returns the
// exit code of docs/cli.md.
func Main(ctx context.Context, args []string, env Env) (code int) {
	c := &call{env: env, out: newStdout(env.Stdout)}
	c.progress = &progress{to: env.Stderr, live: isTerminal(env.Stderr) && c.getenv("TERM") != "dumb", now: env.Now}
	defer func() {
		if r := recover(); r != nil {
			c.progress.end()
			code = c.finish(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	defer c.close()
	return c.finish(c.main(ctx, args))
}

func (c *call) main(ctx context.Context, args []string) error {
	at, out := scan(args)
	c.Output = out
	if at < 0 {
		return c.bare(ctx, args)
	}
	if args[at] == "help" { // help COMMAND is COMMAND --help
		args = slices.Delete(slices.Clone(args), at, at+1)
		if at, _ = scan(args); at < 0 {
			return c.bare(ctx, args)
		}
		args = append(args[:at+1], "--help")
	}
	e := find(args[at])
	if e == nil {
		if err := c.stray(args[:at]); err != nil { // what was taken for the command may be the value of a misspelt flag
			return err
		}
		return unknownCommand(args[at])
	}
	c.command, c.acts = e.name, e.acts
	cmd := e.fresh()
	if _, ok := cmd.(interface{ endsWithGuest() }); ok {
		c.guest = guestAlways
	}
	if err := c.parse(e, cmd, at, args); err != nil {
		if errors.Is(err, errHelpShown) {
			return nil
		}
		return err
	}
	c.progress.quiet = bool(c.Quiet)
	if b, ok := cmd.(brief); c.env.Signals != nil && !(ok && b.brief()) {
		ctx = c.env.Signals(ctx)
	}
	return cmd.run(ctx, c)
}

// finish prints what the call ends with and turns it into the exit code.
func (c *call) finish(err error) int {
	c.progress.end()
	f := explain(err)
	if err == nil || f.silent || c.reports || reported[f.Exit] {
		if werr := c.out.release(); werr != nil && (err == nil || f.silent) {
			f = explain(werr)
		}
	}
	if f.broken {
		return BrokenPipe
	}
	if f.Message != "" {
		c.complain(f)
	}
	if f.Message == "" || c.guest == guestNever ||
		c.guest == guestButUsage && f.Exit == exits[codeUsage] && f.inGuest == 0 {
		return f.Exit
	}
	return f.guestCode()
}

// reported are the exit codes with which the report on stdout stands although
// something is wrong.
var reported = map[int]bool{6: true, 8: true, 9: true, 10: true}
