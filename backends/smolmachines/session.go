package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// alive is the machine that ref means, whose main process runs.
func (b *Backend) alive(ctx context.Context, what string, ref backends.Ref) (program, *machine, error) {
	p, err := b.program(ctx)
	if err != nil {
		return p, nil, err
	}
	m, err := b.exact(ctx, p, what, ref)
	if err != nil {
		return p, nil, err
	}
	if o := b.seen(ctx, p, m, ref); o.Status != backends.StatusRunning {
		return p, nil, fmt.Errorf("%s %s: it is %s: %w", what, ref.Name, o.Status, backends.ErrNotRunning)
	}
	return p, m, nil
}

// served has the guest program serve one request in a machine that runs.
func (b *Backend) served(ctx context.Context, what string, ref backends.Ref, request func(*conn) error) error {
	return b.talk(ctx, what, ref, guest.ServeArgv(guestProgram), request)
}

// Session connects to the holder of a machine that runs.
func (b *Backend) Session(ctx context.Context, ref backends.Ref, use func(io.ReadWriteCloser) error) error {
	return b.talk(ctx, "talk to the agent of", ref, guest.ConnectArgv(guestProgram, connectPatience), func(c *conn) error { return use(c) })
}

// talk runs the guest program in a machine that runs, for one conversation.
func (b *Backend) talk(ctx context.Context, what string, ref backends.Ref, argv []string, request func(*conn) error) error {
	op := what + " " + ref.Name
	p, m, err := b.alive(ctx, what, ref)
	if err != nil {
		return err
	}
	c, err := b.dial(ctx, p, m, argv)
	if err != nil {
		return b.fail(ctx, op, err)
	}
	defer c.Close()
	if err := request(c); err != nil {
		return c.failed(b, op, err)
	}
	return nil
}

// Exec runs one more command in the machine.
func (b *Backend) Exec(ctx context.Context, ref backends.Ref, cmd backends.Command, s backends.Streams) (code int, err error) {
	if len(cmd.Argv) == 0 {
		cmd.Argv = []string{""} // which nothing is called: the guest program says so
	}
	err = b.served(ctx, "exec in", ref, func(c *conn) (err error) {
		code, err = guest.Exec(ctx, c, cmd, s)
		return err
	})
	return code, hide(err, cmd.Env)
}

// CopyIn unpacks a tar stream in the machine.
func (b *Backend) CopyIn(ctx context.Context, ref backends.Ref, dir string, tar io.Reader) error {
	if err := absolute(dir); err != nil {
		return fmt.Errorf("copy into %s: %w", ref.Name, err)
	}
	return b.served(ctx, "copy into", ref, func(c *conn) error { return guest.CopyIn(ctx, c, dir, tar) })
}

// CopyOut packs a path in the machine as a tar stream.
func (b *Backend) CopyOut(ctx context.Context, ref backends.Ref, where string, tar io.Writer) error {
	if err := absolute(where); err != nil {
		return fmt.Errorf("copy out of %s: %w", ref.Name, err)
	}
	return b.served(ctx, "copy out of", ref, func(c *conn) error { return guest.CopyOut(ctx, c, where, tar) })
}

// Stat describes a path in the machine.
func (b *Backend) Stat(ctx context.Context, ref backends.Ref, where string) (st backends.PathStat, err error) {
	if err := absolute(where); err != nil {
		return st, fmt.Errorf("stat in %s: %w", ref.Name, err)
	}
	err = b.served(ctx, "stat in", ref, func(c *conn) (err error) {
		st, err = guest.Stat(ctx, c, where)
		return err
	})
	return st, err
}

func absolute(p string) error {
	if !path.IsAbs(p) || strings.ContainsRune(p, 0) {
		return fmt.Errorf("path %q is not absolute: %w", p, backends.ErrBadRequest)
	}
	return nil
}

const (
	// connectEvery is how soon to look again for a main process that is to
	// begin, and connectPatience how long its holder may take to be there.
	connectEvery    = 50 * time.Millisecond
	connectPatience = 5 * time.Second
)

// Attach connects to the main process. One that has not begun is waited for,
// and what it printed before we came is printed first.
func (b *Backend) Attach(ctx context.Context, ref backends.Ref, o backends.AttachOptions, s backends.Streams, ready func()) (backends.Detachment, error) {
	op := "attach to " + ref.Name
	if o.Started {
		p, m, err := b.alive(ctx, "attach to", ref)
		if err != nil {
			return "", err
		}
		return b.attach(ctx, op, p, m, o, s, ready)
	}
	p, err := b.program(ctx)
	if err != nil {
		return "", err
	}
	m, err := b.exact(ctx, p, "attach to", ref)
	if err != nil {
		return "", err
	}
	before := b.lastID(m.Name)
	ready()
	run, err := b.nextRun(ctx, p, m, before)
	if err != nil {
		return backends.Detached, b.fail(ctx, op, err)
	}
	how, err := b.attach(ctx, op, p, m, o, s, nil)
	if !errors.Is(err, backends.ErrNotRunning) {
		return how, err
	}
	// It was over before we came: what it printed is in the record.
	f := &follow{ctx: ctx, path: filepath.Join(b.machineDir(m.Name), workloadLog), over: func() bool { return true }}
	defer f.Close()
	if err := guest.CopyRun(io.MultiReader(b.olderLogs(m.Name), f), run.ID, orDiscard(s.Out), orDiscard(s.Err)); err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	return backends.Ended, nil
}

// nextRun waits for the run after the one that is known, which costs no call
// but one now and then: the machine may be removed meanwhile.
func (b *Backend) nextRun(ctx context.Context, p program, m *machine, before string) (guest.Run, error) {
	asked := time.Now()
	for {
		if run, known := b.lastRun(m.Name); known && run.ID != before {
			return run, nil
		}
		if time.Since(asked) > askEvery {
			now, err := b.look(ctx, p, m.Name)
			if err == nil && (now == nil || now.id() != m.id()) {
				err = backends.ErrNotFound
			}
			if err != nil {
				return guest.Run{}, err
			}
			asked = time.Now()
		}
		if !pause(ctx, connectEvery) {
			return guest.Run{}, ctx.Err()
		}
	}
}

// attach connects once; with ready nil to a run from its beginning on.
func (b *Backend) attach(ctx context.Context, op string, p program, m *machine, o backends.AttachOptions, s backends.Streams, ready func()) (backends.Detachment, error) {
	replay, patience := ready == nil, connectPatience
	if replay {
		// The run is in the record, and so its holder could be reached: when it
		// cannot it has ended.
		ready, patience = func() {}, 0
	}
	c, err := b.dial(ctx, p, m, guest.ConnectArgv(guestProgram, patience))
	if err != nil {
		return "", b.fail(ctx, op, err)
	}
	defer c.Close()
	how, err := guest.Attach(ctx, c, o, s, replay, ready)
	switch {
	case err == nil:
		return how, nil
	case errors.Is(err, guest.ErrLost) && b.went(ctx, p, m):
		return backends.Ended, nil
	}
	return how, c.failed(b, op, err)
}

// went says whether a machine ended, and its main process with it. Connections
// break off before smolvm knows of that, so it is asked again for a while.
func (b *Backend) went(ctx context.Context, p program, m *machine) bool {
	for end := time.Now().Add(goneTime); ctx.Err() == nil; {
		now, err := b.look(ctx, p, m.Name)
		if err == nil && (now == nil || now.id() != m.id() || b.observe(now).Status != backends.StatusRunning) {
			return true
		}
		if time.Now().After(end) || !pause(ctx, 2*connectEvery) {
			break
		}
	}
	return false
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// Logs copies what the main process printed.
func (b *Backend) Logs(ctx context.Context, ref backends.Ref, o backends.LogOptions, stdout, stderr io.Writer) error {
	op := "logs of " + ref.Name
	p, err := b.program(ctx)
	if err != nil {
		return err
	}
	m, err := b.exact(ctx, p, "logs of", ref)
	if err != nil {
		return err
	}
	var l guest.Log
	f := &follow{ctx: ctx, path: filepath.Join(b.machineDir(m.Name), workloadLog), over: func() bool { return true }}
	defer f.Close()
	first := o
	first.Follow = false
	err = l.Copy(io.MultiReader(b.olderLogs(m.Name), f), first, orDiscard(stdout), orDiscard(stderr))
	if last, known := l.Last(); err == nil && o.Follow && (!known || last.Ended.IsZero()) {
		f.over, f.last = b.runOver(m.Name), false
		o.Tail = -1
		err = l.Copy(f, o, orDiscard(stdout), orDiscard(stderr))
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// runOver says when nothing more can come into the record of a machine.
func (b *Backend) runOver(name string) func() bool {
	return func() bool {
		run, known := b.lastRun(name)
		return known && !run.Ended.IsZero() || len(b.strays(name)) == 0
	}
}
