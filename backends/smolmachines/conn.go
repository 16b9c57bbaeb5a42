package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// guestProgram is the guest program as a machine sees it.
var guestProgram = path.Join(guestDir, guest.ProgramName)

// conn is a guest program at work in a machine: what is written arrives at
// its stdin, and its stdout is read. It is one `machine exec -i`, which takes
// the program in the machine along when it ends.
type conn struct {
	in, out *os.File
	said    tail
	leave   func()
	once    sync.Once
	over    chan struct{} // closed when the exec has ended
	code    int
	err     error // that it could not be run to its end
	ctx     context.Context
	cancel  context.CancelFunc
}

// dial runs the guest program in a machine that runs.
func (b *Backend) dial(ctx context.Context, p program, m *machine, argv []string) (*conn, error) {
	leave, err := b.session(ctx, m.Name)
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithCancel(ctx)
	args := append([]string{"--error-format", "json", "machine", "exec", "--name", m.Name, "--interactive", "--user", "0:0", "--"}, argv...)
	cmd := b.command(own, p, blanks(m.facts().Vars), args...)
	c := &conn{leave: leave, over: make(chan struct{}), said: tail{most: mostSaid}, ctx: ctx, cancel: cancel}
	stdin, in, err := os.Pipe()
	if err == nil {
		var out, stdout *os.File
		if out, stdout, err = os.Pipe(); err == nil {
			c.in, c.out = in, out
			cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &c.said
			err = cmd.Start()
			_ = stdout.Close()
			if err != nil {
				_ = out.Close()
			}
		}
		_ = stdin.Close()
		if err != nil {
			_ = in.Close()
		}
	}
	if err != nil {
		cancel()
		leave()
		return nil, b.unavailable("smolvm cannot be run", "try it: "+p.Path+" --version", err)
	}
	go func() {
		err := cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
			c.err = err
		}
		c.code = cmd.ProcessState.ExitCode()
		leave()
		close(c.over)
	}()
	return c, nil
}

func (c *conn) Read(p []byte) (int, error)  { return c.out.Read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.in.Write(p) }

// CloseWrite lets the guest program see the end of its stdin.
func (c *conn) CloseWrite() error { return c.in.Close() }

// Close ends it, politely first: the end of its stdin, then the exec.
func (c *conn) Close() error {
	c.once.Do(func() {
		_ = c.in.Close()
		_ = c.out.Close()
		select {
		case <-c.over:
		case <-time.After(politeTime):
		}
		c.cancel()
		<-c.over
	})
	return nil
}

// politeTime is how long a guest program has to end by itself.
const politeTime = 300 * time.Millisecond

// failed says why a request came to nothing: the guest program's own word,
// or what smolvm says of a conversation that broke off.
func (c *conn) failed(b *Backend, op string, err error) error {
	if c.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, c.ctx.Err())
	}
	if !errors.Is(err, guest.ErrLost) {
		return fmt.Errorf("%s: %w", op, err)
	}
	select {
	case <-c.over:
	case <-time.After(leaveTime):
		return fmt.Errorf("%s: %w", op, err)
	}
	f := (result{stderr: c.said.String(), code: c.code}).failure("machine exec")
	switch {
	case !f.told:
		return fmt.Errorf("%s: %w: %w", op, err, f)
	case saysLost().MatchString(f.message):
		return fmt.Errorf("%s: %w: %w", op, backends.ErrNotRunning, f)
	}
	return b.fail(c.ctx, op, f)
}
