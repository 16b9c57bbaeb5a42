package cli

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// shellCmd is `shell`.
type shellCmd struct {
	execFlags
	one
}

func (s *shellCmd) endsWithGuest() {}

// anyShell takes bash where the bottle has it, sh otherwise.
var anyShell = []string{"/bin/sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh"}

func (s *shellCmd) run(ctx context.Context, c *call) error {
	return c.runInside(ctx, s.Bottle, lifecycle.ExecRequest{
		Argv: anyShell, Env: s.Env, User: s.User, Workdir: s.Workdir,
		TTY: c.onTerminal(), Stdin: true,
	})
}
