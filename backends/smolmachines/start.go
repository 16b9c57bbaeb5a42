package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

const (
	// endTime is how long a machine may take to end, when nobody waits for it
	// with a context of his own: three times what smolvm allows itself.
	endTime = 60 * time.Second
	// beginTime is how long a main process may take to say that it runs, once
	// smolvm has said that it was launched.
	beginTime = 60 * time.Second
	// beginEvery is how soon to look again whether it did: a look is a read of
	// the end of a file.
	beginEvery = 2 * time.Millisecond
	// bootTries is how often a machine is started whose guest never answered, or
	// broke off before its main process ran: on a busy host one boot in a few
	// does.
	bootTries = 2
)

// Start boots the machine, which runs its main process. env holds the values
// of its variables: they are in the environment of the one call, and smolvm
// keeps none of them.
func (b *Backend) Start(ctx context.Context, ref backends.Ref, env []string) error {
	err := b.start(ctx, ref, env)
	return hide(err, env)
}

func (b *Backend) start(ctx context.Context, ref backends.Ref, env []string) error {
	op := "start " + ref.Name
	p, err := b.program(ctx)
	if err != nil {
		return err
	}
	if !goodName(ref.Name) {
		return fmt.Errorf("%s: %w", op, backends.ErrNotFound)
	}
	unlock, err := b.lock(ctx, ref.Name)
	if err != nil {
		return b.fail(ctx, op, err)
	}
	defer unlock()
	m, err := b.exact(ctx, p, "start", ref)
	if err != nil {
		return err
	}
	o := b.observe(m)
	switch {
	case o.Status == backends.StatusRunning:
		return nil
	case o.Lingers:
		// Its main process is over: the machine boots anew.
		if err := b.halt(ctx, p, ref.Name, 0); err != nil {
			return b.fail(ctx, op, err)
		}
	case o.Status == backends.StatusPaused:
		if _, err := b.ask(ctx, p, "machine resume", "machine", "resume", "--name", ref.Name); err != nil {
			return b.fail(ctx, op, err)
		}
		return nil
	case o.Status == backends.StatusUnresponsive:
		// A start would kill it, for one slow answer perhaps.
		if b.answers(ctx, p, m) {
			return nil
		}
		return fmt.Errorf("%s: the machine runs and does not answer: end it first, then start it again", op)
	}
	f := m.facts()
	vars, err := values(f.Vars, env)
	if err == nil {
		err = b.ready(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	obstacle := b.clearNumber(ctx, m)
	if err := b.boot(ctx, p, ref.Name, vars); err != nil {
		return errors.Join(err, obstacle) // which later versions may not mind
	}
	return nil
}

// ready looks for what a boot would miss only after a long wait, or not tell.
func (b *Backend) ready(f facts) error {
	for _, m := range f.Mounts {
		if st, err := os.Stat(m.Source); err != nil || !st.IsDir() {
			return fmt.Errorf("%w: the source of the mount at %s is not there any more: %s", backends.ErrBadRequest, m.Target, m.Source)
		}
	}
	for _, port := range f.Ports {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port.HostPort)))
		if err != nil {
			return fmt.Errorf("%w: port %d of this host cannot be had: %w", backends.ErrBadRequest, port.HostPort, err)
		}
		_ = l.Close() // nobody was ever connected
	}
	if there, err := exists(f.Guest); err != nil || there {
		return err
	}
	folder, err := guest.Install(b.own("guest"), runtime.GOARCH)
	if err == nil && folder != f.Guest {
		err = fmt.Errorf("the guest program of this machine is gone from %s: recreate the bottle", f.Guest)
	}
	return err
}

// boot starts the machine and waits for its main process. A start that failed
// or was cut off may leave a micro-VM that nobody knows of: only a stop finds
// and ends it.
func (b *Backend) boot(ctx context.Context, p program, name string, vars []string) error {
	before := b.lastID(name)
	for try := 1; ; try++ {
		err := b.launch(ctx, p, name, vars)
		if err == nil {
			return b.begun(ctx, p, name, before)
		}
		if m, looked := b.look(context.WithoutCancel(ctx), p, name); ctx.Err() == nil && looked == nil && m != nil && m.State == "running" {
			return b.begun(ctx, p, name, before) // somebody else's start won
		}
		ended := b.clear(ctx, p, name)
		if try < bootTries && ended == nil && ctx.Err() == nil && (silent(err) != nil || brokeOff(err) && b.lastID(name) == before) {
			continue
		}
		failed := b.bootFailed(ctx, name, err)
		var down *backends.Unavailable
		if errors.As(failed, &down) {
			down.Over = ended == nil
		}
		return errors.Join(failed, ended)
	}
}

// silent is the failure of a boot whose guest never answered, else nil.
func silent(err error) *failure {
	var f *failure
	if errors.As(err, &f) && !f.kvm() && saysBoot().MatchString(f.message) {
		return f
	}
	return nil
}

// brokeOff says whether a boot failed since the micro-VM fell.
func brokeOff(err error) bool {
	var f *failure
	return errors.As(err, &f) && saysBrokeOff().MatchString(f.message)
}

// clear ends what a failed start has left, whether or not the caller is still
// there.
func (b *Backend) clear(ctx context.Context, p program, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	err := b.halt(ctx, p, name, 0)
	if err != nil && len(b.left(name)) == 0 {
		err = nil // there is nothing to end
	}
	if err != nil {
		return fmt.Errorf("end what the start left: %w", err)
	}
	return nil
}

// launch is the one call. It is cut off by `machine stop`, which finds the
// micro-VM that is just booting, and only then killed.
func (b *Backend) launch(ctx context.Context, p program, name string, vars []string) error {
	plain := []string{"--error-format", "json", "machine", "start", "--name", name}
	path, args := b.scoped(p, plain)
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	type ended struct {
		r   result
		err error
	}
	done := make(chan ended, 1)
	go func() {
		r, err := b.run(own, program{Path: path}, vars, args...)
		if path != p.Path && err == nil && r.code != 0 && !r.failure("").told {
			// It was the scope that could not be made, not the machine started.
			r, err = b.run(own, p, vars, plain...)
		}
		done <- ended{r, err}
	}()
	select {
	case e := <-done:
		if e.err == nil && e.r.code != 0 {
			return e.r.failure("machine start")
		}
		return e.err
	case <-ctx.Done():
		_ = b.clear(ctx, p, name) // again by the caller, who tells of it
		stop()
		<-done
		return ctx.Err()
	}
}

// bootFailed says what to do about a boot that failed.
func (b *Backend) bootFailed(ctx context.Context, name string, err error) error {
	op := "start " + name
	if f := silent(err); ctx.Err() == nil && f != nil {
		if _, booted := b.lastRun(name); booted {
			return b.unavailable("the machine did not boot, as it did before: the host may be out of breath", "try again, with less at once", f)
		}
		why, hint := kvmTrouble(kvmPath, os.Geteuid())
		return b.unavailable("the machine did not boot: "+why, hint, f)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	return b.fail(ctx, op, err)
}

// begun waits until the main process says that it runs. One that could not be
// executed fails the start, and its machine has no use.
func (b *Backend) begun(ctx context.Context, p program, name, before string) error {
	op := "start " + name
	for end := time.Now().Add(beginTime); ; {
		run, known := b.lastRun(name)
		switch {
		case known && run.ID != before && run.Err != nil:
			return errors.Join(fmt.Errorf("%s: %w", op, run.Err), b.clear(ctx, p, name))
		case known && run.ID != before && (!run.Started.IsZero() || !run.Ended.IsZero()):
			return nil
		case time.Now().After(end):
			return errors.Join(fmt.Errorf("%s: the guest program did not begin", op), b.clear(ctx, p, name))
		}
		if !pause(ctx, beginEvery) {
			return errors.Join(fmt.Errorf("%s: %w", op, ctx.Err()), b.clear(ctx, p, name))
		}
	}
}
