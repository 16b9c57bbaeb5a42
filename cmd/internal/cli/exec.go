package cli

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// execCmd is `exec`. From the first word of ARGV on everything is the
// command's, flags included.
type execCmd struct {
	Interactive bool `short:"i" help:"Pass stdin on."`
	TTY         bool `short:"t" name:"tty" help:"Give the command a terminal."`
	Detach      bool `short:"d" help:"Do not wait for the command."`
	execFlags
	one
	Argv []string `arg:"" name:"argv" passthrough:"partial" sep:"none" help:"The command and its words."`
}

// execFlags are what exec and shell share.
type execFlags struct {
	User    string   `short:"u" placeholder:"U" help:"Who the command runs as; the agent's user otherwise."`
	Workdir string   `short:"w" placeholder:"D" help:"Where it starts; the bottle's workdir otherwise."`
	Env     []string `short:"e" sep:"none" placeholder:"K[=V]" help:"A variable for the command."`
}

func (e *execCmd) endsWithGuest() {}

func (e *execCmd) check() error {
	if len(e.Argv) > 0 && e.Argv[0] == "--" {
		e.Argv = e.Argv[1:]
	}
	switch {
	case len(e.Argv) == 0:
		return &problem{Code: codeUsage, Slug: e.Bottle, Message: "exec: no command", Next: "bot-bottle shell " + e.Bottle}
	case e.Detach && (e.Interactive || e.TTY):
		return usageError("exec: -d goes with neither -i nor -t")
	}
	return nil
}

func (e *execCmd) run(ctx context.Context, c *call) error {
	if e.Interactive && e.TTY && !isTerminal(c.env.Stdin) {
		return usageError("exec: -t gives a terminal, and stdin is none: leave -t out")
	}
	return c.runInside(ctx, e.Bottle, lifecycle.ExecRequest{
		Argv: e.Argv, Env: e.Env, User: e.User, Workdir: e.Workdir,
		TTY: e.TTY, Stdin: e.Interactive, Detach: e.Detach,
	})
}

// runInside runs a command in a bottle and ends with its exit code.
func (c *call) runInside(ctx context.Context, word string, r lifecycle.ExecRequest) error {
	b, err := c.bottle(ctx, word)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	if r.TTY {
		r.Size = terminalSize(c.env.Stdout)
	}
	code := 0
	err = c.withStreams(r.TTY, !r.Stdin, func(s backends.Streams) error {
		var err error
		r.Streams = s
		code, err = m.Exec(ctx, b.ID, r)
		return err
	})
	if err != nil {
		return err
	}
	if code != 0 {
		return exitWith(code)
	}
	return nil
}
