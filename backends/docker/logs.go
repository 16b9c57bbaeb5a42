package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Logs copies what the main process printed. Whether it has a terminal, and
// so one stream without frames, is asked of the engine.
func (b *Backend) Logs(ctx context.Context, ref backends.Ref, o backends.LogOptions, stdout, stderr io.Writer) error {
	c, err := b.exact(ctx, "read the log of", ref)
	if err != nil {
		return err
	}
	op := "read the log of " + ref.Name
	if _, ok := heldBy(c); ok {
		return b.heldLogs(ctx, op, c, o, stdout, stderr)
	}
	ask := container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: o.Follow, Tail: "all", Since: since(o.Since)}
	if o.Tail >= 0 {
		ask.Tail = strconv.Itoa(o.Tail)
	}
	log, err := b.api.ContainerLogs(ctx, c.ID, ask)
	if err != nil {
		return b.refused(ctx, op, err)
	}
	defer log.Close()
	err = split(log, c.Config.Tty, stdout, stderr)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, ctx.Err()) // following has no end of its own
	}
	return b.streamError(ctx, op, err)
}

// since writes a time as the API takes it: seconds and nanoseconds.
func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// split copies an engine's output stream to its two ends. With a terminal it
// is one stream; otherwise it comes in frames.
func split(from io.Reader, tty bool, stdout, stderr io.Writer) error {
	out, errs := &sink{w: stdout}, &sink{w: stderr}
	var err error
	if tty {
		_, err = io.Copy(out, from)
	} else {
		_, err = stdcopy.StdCopy(out, errs, from)
	}
	for _, s := range []*sink{out, errs} {
		if s.err != nil {
			return &readerLeft{s.err}
		}
	}
	return err
}

// readerLeft is the caller's end of a stream failing.
type readerLeft struct{ err error }

func (r *readerLeft) Error() string { return r.err.Error() }
func (r *readerLeft) Unwrap() error { return r.err }

// streamError keeps the caller's failures apart from the engine's.
func (b *Backend) streamError(ctx context.Context, op string, err error) error {
	if left, ok := err.(*readerLeft); ok {
		return fmt.Errorf("%s: %w", op, left.err)
	}
	return b.fail(ctx, op, err)
}
