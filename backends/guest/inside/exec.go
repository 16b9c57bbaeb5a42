package inside

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// exec runs one more command, with what the main process has besides.
func (s *served) exec(ask wire.Request) (wire.Exit, error) {
	if len(ask.Argv) == 0 {
		return wire.Exit{}, fmt.Errorf("there is no command: %w", backends.ErrBadRequest)
	}
	c, err := s.ofTheRun(ask)
	if err != nil {
		return wire.Exit{}, err
	}
	defer c.group.close()
	p, err := start(c)
	if err != nil {
		return wire.Exit{}, err
	}
	if ask.Detach {
		return wire.Exit{}, nil // it is the init's child by and by
	}
	if err := s.welcome(); err != nil {
		(&running{process: p}).kill()
		return wire.Exit{}, errHostLeft
	}
	r := &running{process: p}
	left := make(chan struct{})
	go func() {
		s.take(r, ask)
		r.kill() // it is of no use to anybody any more
		close(left)
	}()
	pump := pumpOutput(p, s.out.Send)
	ended := make(chan wire.Exit, 1)
	go func() {
		st := r.wait()
		pump.finish()
		code, sig := exitOf(st)
		ended <- wire.Exit{Code: code, Signal: sig}
	}()
	select {
	case exit := <-ended:
		return exit, nil
	case <-left:
		return wire.Exit{}, errHostLeft
	}
}

// ofTheRun is a command with the environment of the main process, its user
// and its folder, unless the request says otherwise.
func (s *served) ofTheRun(ask wire.Request) (command, error) {
	base, err := holderSays()
	if err != nil {
		return command{}, fmt.Errorf("ask the main process what it runs with: %w", err)
	}
	env := newEnvironment(wire.Strings(base.Env))
	if base.Run == "" { // there is none: what the engine gave us has to do
		env = newEnvironment(os.Environ())
	}
	user, err := readAccounts().find(cmp.Or(ask.User, base.User))
	if err != nil {
		return command{}, err
	}
	tty := ask.TTY && !ask.Detach
	if base.Run == "" || ask.User != "" && ask.User != base.User {
		env = env.forUser(user, base.Home, base.KeepHome, tty)
	}
	env = env.with(wire.Strings(ask.Env)...)
	if tty {
		env = env.orElse("TERM", "xterm")
	}
	var in *group
	if base.Bounded {
		if in, err = join(); err != nil { // the command is worth more than the limit
			fmt.Fprintf(s.err, "%s: --pids does not hold for this command: %v\n", Name, err)
		}
	}
	return command{group: in, argv: wire.Strings(ask.Argv), env: env, user: user, workdir: cmp.Or(string(ask.Workdir), string(base.Workdir), "/"),
		tty: tty, stdin: ask.Stdin && !ask.Detach, quiet: ask.Detach, size: ask.Size}, nil
}

// holderSays asks what the main process runs with. Where there is none there
// is no Run either.
func holderSays() (w wire.Welcome, err error) {
	conn, err := dial(front)
	if errors.Is(err, errNoHolder) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(requestTime)); err != nil {
		return w, err
	}
	if err := wire.NewWriter(conn).SendJSON(wire.KindRequest, wire.Request{Op: wire.OpEnv}); err != nil {
		return w, err
	}
	if err := wire.Greet(conn); err != nil {
		return w, err
	}
	f, err := wire.NewReader(conn).Next()
	switch {
	case err != nil:
		return w, err
	case f.Kind == wire.KindFailure:
		var why wire.Failure
		if err := f.Decode(&why); err != nil {
			return w, err
		}
		return w, why.Err()
	case f.Kind != wire.KindWelcome:
		return w, wire.ErrFrame
	}
	return w, f.Decode(&w)
}

// take takes what the host sends until it leaves.
func (s *served) take(r *running, ask wire.Request) {
	to := r.in
	if !ask.Stdin {
		to = nil
	}
	in := newTyped(to)
	var mu sync.Mutex
	under := 0
	for {
		f, err := s.in.Next()
		if err != nil {
			return
		}
		switch f.Kind {
		case wire.KindIn:
			n := len(f.Payload)
			mu.Lock()
			under += n
			over := under > wire.Window
			mu.Unlock()
			if over {
				return
			}
			in.add(input{b: append([]byte(nil), f.Payload...), taken: func() {
				mu.Lock()
				under -= n
				mu.Unlock()
				s.out.Send(wire.KindTaken, wire.PackTaken(n)) // a host that left is noticed above
			}})
		case wire.KindInEnd:
			if r.tty == nil { // a terminal has no end
				in.add(input{end: true})
			}
		case wire.KindSize:
			if size, err := f.Size(); err == nil {
				r.resize(size)
			}
		default:
			return
		}
	}
}

// running is a process that we alone wait for.
type running struct {
	*process
	mu    sync.Mutex
	ended bool
}

// wait waits for its end. Its number is its own until then, so that kill
// never meets another process.
func (r *running) wait() (st syscall.WaitStatus) {
	for {
		err := unix.Waitid(unix.P_PID, r.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for {
		if _, err := syscall.Wait4(r.pid, &st, 0, nil); !errors.Is(err, syscall.EINTR) {
			return st
		}
	}
}

// kill ends it and what it started in its session: a shell on a terminal
// gives each job a group of its own.
func (r *running) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	jobs := session(r.pid)
	syscall.Kill(-r.pid, syscall.SIGKILL) // gone in this moment: as well
	for _, pid := range jobs {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
