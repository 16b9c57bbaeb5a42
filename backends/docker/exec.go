package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// noDetachKeys are keys that nobody types. An exec has detach keys, too, and
// nothing to come back to; an empty list would mean the default ones, which
// hold back ctrl-p in every shell.
const noDetachKeys = "ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^"

const (
	// How soon to ask again for what the engine will know in a moment.
	firstRetry, lastRetry = 5 * time.Millisecond, 200 * time.Millisecond
	// settleTime is how long the engine may take to note an end whose stream
	// is closed already.
	settleTime = 10 * time.Second
)

// Exec runs one more command. When ctx ends the caller is free at once; the
// command is not ended, since the API has nothing for that.
func (b *Backend) Exec(ctx context.Context, ref backends.Ref, cmd backends.Command, s backends.Streams) (int, error) {
	code, err := b.exec(ctx, ref, cmd, s)
	return code, hide(err, cmd.Env)
}

func (b *Backend) exec(ctx context.Context, ref backends.Ref, cmd backends.Command, s backends.Streams) (int, error) {
	op := "exec in " + ref.Name
	c, err := b.exact(ctx, "exec in", ref)
	switch {
	case err != nil:
		return 0, err
	case status(c.State.Status) != backends.StatusRunning:
		return 0, notRunning(op, nil)
	}
	if err := checkWords(cmd.Argv, cmd.Env); err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	if len(cmd.Argv) == 0 {
		return 0, fmt.Errorf("%s: there is no command: %w", op, backends.ErrBadRequest)
	}
	if h, ok := heldBy(c); ok {
		if err := b.asAgent(ctx, c, h, &cmd); err != nil {
			return 0, fmt.Errorf("%s: %w", op, err)
		}
	}
	size := consoleSize(cmd)
	made, err := b.api.ContainerExecCreate(ctx, c.ID, container.ExecOptions{
		User: cmd.User, Tty: cmd.TTY, ConsoleSize: size, DetachKeys: noDetachKeys, Env: cmd.Env, WorkingDir: cmd.Workdir, Cmd: cmd.Argv,
		AttachStdin: cmd.Stdin && !cmd.Detach, AttachStdout: !cmd.Detach, AttachStderr: !cmd.Detach,
	})
	if err != nil {
		return 0, b.execError(ctx, op, err)
	}
	e := &execution{b: b, id: made.ID, op: op, look: func(ctx context.Context) error {
		return b.lookFor(ctx, c.ID, cmd.Argv[0], orElse(cmd.Workdir, c.Config.WorkingDir), append(c.Config.Env, cmd.Env...))
	}}
	if cmd.Detach {
		err := b.api.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true, Tty: cmd.TTY, ConsoleSize: size})
		return 0, e.startError(ctx, err)
	}
	return e.run(ctx, cmd, s, size)
}

func consoleSize(cmd backends.Command) *[2]uint {
	if !cmd.TTY || cmd.Size == (backends.Size{}) {
		return nil
	}
	return &[2]uint{uint(cmd.Size.Rows), uint(cmd.Size.Cols)}
}

// execError is fail for a container that may have ended a moment ago.
func (b *Backend) execError(ctx context.Context, op string, err error) error {
	switch {
	case cerrdefs.IsConflict(err):
		return notRunning(op, err)
	case cerrdefs.IsNotFound(err):
		return fmt.Errorf("%s: %w: %w", op, backends.ErrNotFound, err)
	}
	return b.refused(ctx, op, err)
}

// execution is one command that runs.
type execution struct {
	b      *Backend
	id, op string
	look   func(context.Context) error // for the command, after a failed start
}

func (e *execution) run(ctx context.Context, cmd backends.Command, s backends.Streams, size *[2]uint) (int, error) {
	begin := container.ExecStartOptions{Tty: cmd.TTY}
	if e.b.sizeAtStart() {
		begin.ConsoleSize = size
	}
	stream, err := e.b.upgrade(ctx, "/exec/"+e.id+"/start", nil, begin)
	if err != nil {
		return 0, e.startError(ctx, err)
	}
	defer stream.Close()
	while, done := context.WithCancel(ctx)
	defer done()
	if cmd.TTY {
		go e.resize(while, cmd.Size, s.Resize)
	}
	if cmd.Stdin {
		go stream.feed(s.In, nil, cmd.TTY)
	}
	// An engine prints the reason of a failed start into the stream, as if
	// the command had. So the first output is held until it is known whose.
	gate := &gate{ask: func() bool { return e.neverRan(ctx) }}
	err = split(stream, cmd.TTY, gate.guard(s.Out), gate.guard(s.Err))
	if ctx.Err() != nil {
		return 0, fmt.Errorf("%s: %w", e.op, ctx.Err())
	}
	if err != nil {
		return 0, e.b.streamError(ctx, e.op, err)
	}
	return e.code(ctx, gate.reason())
}

// neverRan asks whether the start failed.
func (e *execution) neverRan(ctx context.Context) bool {
	st, err := e.b.api.ContainerExecInspect(ctx, e.id)
	return err == nil && e.startFailed(ctx, st)
}

// startFailed says whether there never was a process: the engine gives such a
// start one of two codes and no process number. Podman forgets the number of
// any command that ended, so there the command is looked for.
func (e *execution) startFailed(ctx context.Context, st container.ExecInspect) bool {
	if st.Running || st.Pid != 0 || st.ExitCode != codeNotFound && st.ExitCode != codeNotExecutable {
		return false
	}
	return !e.b.podman.Load() || e.look(ctx) != nil
}

// code asks how the command ended. Its stream may end a little sooner.
func (e *execution) code(ctx context.Context, reason string) (int, error) {
	end := time.Now().Add(settleTime)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		st, err := e.b.api.ContainerExecInspect(ctx, e.id)
		switch {
		case err != nil:
			return 0, e.b.execError(ctx, e.op, err)
		case e.startFailed(ctx, st):
			return 0, e.failed(ctx, st.ExitCode, reason)
		case !st.Running:
			return st.ExitCode, nil
		case time.Now().After(end):
			return 0, fmt.Errorf("%s: the engine closed the streams of a command that still runs", e.op)
		}
		if !pause(ctx, wait) {
			return 0, fmt.Errorf("%s: %w", e.op, ctx.Err())
		}
	}
}

// failed is a start that failed. Docker 20.10 means to tell a missing command
// from one that cannot be executed, but gives both the same code.
func (e *execution) failed(ctx context.Context, code int, reason string) error {
	kind := backends.ErrNotExecutable
	if code == codeNotFound || errors.Is(e.look(ctx), backends.ErrCommandNotFound) {
		kind = backends.ErrCommandNotFound
	}
	return fmt.Errorf("%s: %w: %s", e.op, kind, orElse(reason, "the engine gives no reason"))
}

// startError is a refused start, which may have left an exit code.
func (e *execution) startError(ctx context.Context, err error) error {
	refusal := e.b.execError(ctx, e.op, err)
	if refusal == nil || ctx.Err() != nil {
		return refusal
	}
	st, ierr := e.b.api.ContainerExecInspect(ctx, e.id)
	if ierr == nil && e.startFailed(ctx, st) {
		return e.failed(ctx, st.ExitCode, err.Error())
	}
	return refusal
}

func (e *execution) resize(ctx context.Context, first backends.Size, sizes <-chan backends.Size) {
	set := func(ctx context.Context, s backends.Size) error {
		return e.b.api.ContainerExecResize(ctx, e.id, container.ResizeOptions{Height: uint(s.Rows), Width: uint(s.Cols)})
	}
	if e.b.sizeAtStart() {
		first = backends.Size{}
	}
	resize(ctx, first, sizes, set)
}

// gate holds output back until ask has said whether it is the engine's.
type gate struct {
	ask    func() bool
	once   sync.Once
	engine bool
	mu     sync.Mutex
	kept   bytes.Buffer
}

func (g *gate) guard(w io.Writer) io.Writer { return &guarded{g, w} }

// reason is what the engine said, in one line.
func (g *gate) reason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(bytes.Join(bytes.Fields(g.kept.Bytes()), []byte(" ")))
}

type guarded struct {
	g *gate
	w io.Writer
}

func (o *guarded) Write(p []byte) (int, error) {
	g := o.g
	g.once.Do(func() { g.engine = g.ask() })
	if !g.engine {
		if o.w == nil {
			return len(p), nil
		}
		return o.w.Write(p)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept.Len() < maxRefusal {
		g.kept.Write(p)
	}
	return len(p), nil
}
