package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// connectPatience is how long a guest program that was started may take until
// it can be reached.
const connectPatience = 5 * time.Second

// session is a connection to the program that holds an agent, through an exec
// of its client.
type session struct {
	stream *conn
	out    *io.PipeReader // what the client prints
	said   *complaint
}

func (s *session) Write(p []byte) (int, error) { return s.stream.Write(p) }

func (s *session) Read(p []byte) (int, error) { return s.out.Read(p) }

// broken says whether an error is one of the connection and not of what was
// asked for or of the caller's streams.
func (s *session) broken(err error) bool {
	return errors.Is(err, guest.ErrLost) || errors.Is(err, guest.ErrChatter)
}

func (s *session) Close() error {
	s.out.Close() // so that nothing waits to be read
	return s.stream.Close()
}

// dial connects to what holds the agent of a container that runs.
func (b *Backend) dial(ctx context.Context, op string, c container.InspectResponse, patience time.Duration) (*session, error) {
	made, err := b.api.ContainerExecCreate(ctx, c.ID, container.ExecOptions{User: rootUser, WorkingDir: "/", DetachKeys: noDetachKeys,
		Cmd: guest.ConnectArgv(programPath, patience), AttachStdin: true, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return nil, b.execError(ctx, op, err)
	}
	stream, err := b.upgrade(ctx, "/exec/"+made.ID+"/start", nil, container.ExecStartOptions{})
	if err != nil {
		return nil, b.execError(ctx, op, err)
	}
	out, said := demux(stream)
	return &session{stream, out, said}, nil
}

// Session connects to what holds the agent of a container that runs.
func (b *Backend) Session(ctx context.Context, ref backends.Ref, use func(io.ReadWriteCloser) error) error {
	op := "talk to the agent of " + ref.Name
	c, err := b.exact(ctx, "talk to the agent of", ref)
	if err != nil {
		return err
	}
	if !lives(c) {
		return notRunning(op, nil)
	}
	if _, ok := heldBy(c); !ok {
		return fmt.Errorf("%s: nothing of ours holds it: %w", op, backends.ErrUnsupported)
	}
	_, err = b.talk(ctx, op, c, connectPatience, use)
	return err
}

// attachHeld connects to the agent that a container holds. One that has not
// begun is waited for, and what it printed before we came is printed first.
func (b *Backend) attachHeld(ctx context.Context, op string, c container.InspectResponse, o backends.AttachOptions, s backends.Streams, ready func()) (backends.Detachment, error) {
	if o.Started || lives(c) {
		how, _, err := b.join(ctx, op, c, o, s, !o.Started, connectPatience, ready)
		return how, err
	}
	l, err := b.listen(ctx, op, c)
	if err != nil {
		return "", err
	}
	defer l.Close()
	now, err := b.look(ctx, c.ID)
	if err != nil {
		return "", b.execError(ctx, op, err)
	}
	patience := time.Duration(0)
	if lives(now) { // since before we listened
		patience = beginTime
	}
	ready()
	run, err := l.wait(ctx, patience)
	switch {
	case ctx.Err() != nil:
		return backends.Detached, fmt.Errorf("%s: %w", op, ctx.Err())
	case errors.Is(err, guest.ErrLost), err != nil && b.ends(ctx, c.ID):
		return backends.Ended, nil // before it said anything
	case err != nil:
		return "", b.fail(ctx, op, err)
	}
	l.Close()
	// The run has begun, and so it could be reached: when it cannot it has
	// ended, and what it printed is in the log.
	joined := false
	how, gone, err := b.join(ctx, op, c, o, s, true, 0, func() { joined = true })
	if joined || !gone || ctx.Err() != nil {
		return how, err
	}
	log, err := b.records(ctx, c.ID, container.LogsOptions{Tail: "all", Follow: true, Since: since(moment(c.State.FinishedAt))})
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	defer log.Close()
	err = guest.CopyRun(log, run.ID, &sink{w: s.Out}, &sink{w: s.Err})
	if ctx.Err() != nil {
		return backends.Detached, fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if err != nil {
		return "", b.fail(ctx, op, err)
	}
	return backends.Ended, nil
}

// join attaches to an agent that runs. gone says that it does not any more.
func (b *Backend) join(ctx context.Context, op string, c container.InspectResponse, o backends.AttachOptions, s backends.Streams,
	replay bool, patience time.Duration, ready func()) (how backends.Detachment, gone bool, err error) {
	joined := false
	gone, err = b.talk(ctx, op, c, patience, func(conn io.ReadWriteCloser) (err error) {
		how, err = guest.Attach(ctx, conn, o, s, replay, func() {
			joined = true
			ready()
		})
		return err
	})
	if joined && gone {
		return backends.Ended, true, nil
	}
	return how, gone, err
}

// talk gives a connection to what holds the agent of a container to use. gone
// says that it does not run any more, which use is not told.
func (b *Backend) talk(ctx context.Context, op string, c container.InspectResponse, patience time.Duration, use func(io.ReadWriteCloser) error) (gone bool, err error) {
	conn, err := b.dial(ctx, op, c, patience)
	if errors.Is(err, backends.ErrBadRequest) { // so says Podman of what does not run
		if now, lerr := b.look(ctx, c.ID); lerr == nil && !lives(now) {
			return true, notRunning(op, err)
		}
	}
	if err != nil {
		return errors.Is(err, backends.ErrNotRunning), err
	}
	defer conn.Close()
	switch err = use(conn); {
	case err == nil:
		return false, nil
	case ctx.Err() != nil:
		return false, b.fail(ctx, op, err)
	case errors.Is(err, backends.ErrNotRunning):
		return true, fmt.Errorf("%s: %w", op, err)
	case conn.broken(err) && b.ends(ctx, c.ID):
		return true, notRunning(op, err)
	}
	if said := conn.said.String(); said != "" && conn.broken(err) {
		return false, fmt.Errorf("%s: %w: %s", op, err, said)
	}
	return false, fmt.Errorf("%s: %w", op, err)
}

// ends says whether a container whose connections broke off has ended. The
// engine notes that a moment later.
func (b *Backend) ends(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	err := b.ended(ctx, "", id)
	return err == nil || errors.Is(err, backends.ErrNotFound)
}

// goneTime is how long the engine may take to note the end of a container.
const goneTime = 3 * time.Second
