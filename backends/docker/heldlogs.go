package docker

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// logRecords are the records that a main process left in its log.
type logRecords struct {
	*io.PipeReader
	log io.Closer
}

func (r logRecords) Close() error {
	r.PipeReader.Close()
	return r.log.Close()
}

// records reads a log that the guest program wrote.
func (b *Backend) records(ctx context.Context, id string, o container.LogsOptions) (io.ReadCloser, error) {
	o.ShowStdout = true
	log, err := b.api.ContainerLogs(ctx, id, o)
	if err != nil {
		return nil, b.refused(ctx, "read the log", err)
	}
	out, _ := demux(log)
	return logRecords{out, log}, nil
}

// heldLogs copies what an agent printed, out of the records. Which of them are
// wanted only their reader can say: a line of the agent may be several of the
// engine's, and one of those several of the agent's.
func (b *Backend) heldLogs(ctx context.Context, op string, c container.InspectResponse, o backends.LogOptions, stdout, stderr io.Writer) error {
	var l guest.Log
	out, errs := &sink{w: stdout}, &sink{w: stderr}
	read := func(o backends.LogOptions) error {
		log, err := b.records(ctx, c.ID, container.LogsOptions{Tail: "all", Follow: o.Follow})
		if err != nil {
			return err
		}
		defer log.Close()
		return l.Copy(log, o, out, errs)
	}
	first := o
	first.Follow = false
	err := read(first)
	if last, known := l.Last(); err == nil && o.Follow && lives(c) && !(known && last.Over() && !last.Began.Before(moment(c.State.StartedAt))) {
		o.Tail = -1
		err = read(o)
	}
	switch {
	case out.err != nil:
		return fmt.Errorf("%s: %w", op, out.err)
	case errs.err != nil:
		return fmt.Errorf("%s: %w", op, errs.err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, ctx.Err())
	case err != nil:
		return b.fail(ctx, op, err)
	}
	return nil
}
