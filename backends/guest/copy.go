package guest

import (
	"context"
	"fmt"
	"io"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// CopyIn unpacks a tar stream below the folder dir, over conn, a running
// [ServeArgv], with its numeric owners and modes; names that lead out of the
// folder are bent back into it, and links are not followed out of it. A dir
// that is not there is backends.ErrNotFound.
func CopyIn(ctx context.Context, conn io.ReadWriteCloser, dir string, tar io.Reader) error {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpCopyIn, Path: []byte(dir)})
	if err != nil {
		return err
	}
	defer c.close()
	failed := make(chan error, 1)
	go func() {
		if err := c.feed(tar, c.plainly); err != nil {
			failed <- fmt.Errorf("read the tar stream: %w", err)
			c.conn.Close() // so that half a stream is not taken for a whole one
		}
	}()
	_, err = c.output(backends.Streams{}, nil)
	if err != nil && ctx.Err() == nil {
		select {
		case broken := <-failed:
			return broken
		default:
		}
	}
	return err
}

// CopyOut writes the file or folder at path as a tar stream, over conn, a
// running [ServeArgv]. Links are packed as links. A path that is not there is
// backends.ErrNotFound.
func CopyOut(ctx context.Context, conn io.ReadWriteCloser, path string, tar io.Writer) error {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpCopyOut, Path: []byte(path)})
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.output(backends.Streams{Out: tar}, nil)
	return err
}

// Stat describes a path inside, following no link at its end, over conn, a
// running [ServeArgv]. A path that is not there is backends.ErrNotFound.
func Stat(ctx context.Context, conn io.ReadWriteCloser, path string) (backends.PathStat, error) {
	c, _, err := open(ctx, conn, wire.Request{Op: wire.OpStat, Path: []byte(path)})
	if err != nil {
		return backends.PathStat{}, err
	}
	defer c.close()
	f, err := c.next()
	if err != nil {
		return backends.PathStat{}, err
	}
	switch f.Kind {
	case wire.KindStat:
		var st wire.PathStat
		if err := f.Decode(&st); err != nil {
			return backends.PathStat{}, err
		}
		return backends.PathStat{Name: string(st.Name), Size: st.Size, Mode: st.Mode, Link: string(st.Link)}, nil
	case wire.KindFailure:
		return backends.PathStat{}, failure(f)
	}
	return backends.PathStat{}, unexpected(f)
}
