package guest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// Exec runs one more command over conn, a running [ServeArgv], waits and
// returns its exit code; conn is closed in the end. The command has the
// environment of the main process and cmd's on top; user and folder are the
// main process's unless cmd says. When ctx ends, conn is lost or a stream of
// the caller fails, the guest kills the command and what is in its process
// group. Errors: backends.ErrCommandNotFound, backends.ErrNotExecutable,
// backends.ErrBadRequest (no such user or folder, too long), [ErrLost], ctx's
// and those of the caller's streams.
func Exec(ctx context.Context, conn io.ReadWriteCloser, cmd backends.Command, s backends.Streams) (code int, err error) {
	if len(cmd.Argv) == 0 {
		conn.Close()
		return 0, fmt.Errorf("there is no command: %w", backends.ErrBadRequest)
	}
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpExec, Argv: wire.Bytes(cmd.Argv), Env: wire.Bytes(cmd.Env), User: cmd.User,
		Workdir: []byte(cmd.Workdir), TTY: cmd.TTY, Stdin: cmd.Stdin, Detach: cmd.Detach, Size: cmd.Size})
	if errors.Is(err, errNothingMore) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer c.close()
	done := make(chan struct{})
	defer close(done)
	failed := make(chan error, 1)
	if cmd.Stdin {
		go func() {
			if err := c.feed(s.In, c.plainly); err != nil {
				failed <- fmt.Errorf("read the input: %w", err)
				c.conn.Close() // half an input must not look like a whole one
			}
		}()
	}
	if cmd.TTY && s.Resize != nil {
		go c.sizes(done, s.Resize)
	}
	code, err = c.output(s, nil)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	select {
	case broken := <-failed:
		if err != nil {
			return 0, broken
		}
	default:
	}
	return code, err
}
