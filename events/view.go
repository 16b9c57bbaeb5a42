package events

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// View is one state of the log and of what was folded from it. It is valid
// inside the function it was handed to, and for one goroutine.
type View struct {
	conn   *sql.Conn
	path   string
	stream *sql.Stmt // prepared, on the writer's connection
	over   bool
}

// errOver says that a transaction was used after its end, which would see, or
// worse change, the log outside of any.
var errOver = errors.New("the transaction is over")

// usable says whether anything may be asked now.
func (v *View) usable(ctx context.Context) error {
	if v.over {
		return errOver
	}
	return ctx.Err()
}

// Query asks the tables that were folded from the log.
func (v *View) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	return v.conn.QueryContext(detached(ctx), query, args...)
}

// QueryRow is Query for one row.
func (v *View) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if v.over {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel() // the row's Scan says so
		return v.conn.QueryRowContext(ctx, query, args...)
	}
	if ctx.Err() == nil {
		ctx = detached(ctx)
	}
	return v.conn.QueryRowContext(ctx, query, args...)
}

// Head is the greatest seq, 0 in an empty log.
func (v *View) Head(ctx context.Context) (int64, error) {
	var head sql.NullInt64
	if err := v.QueryRow(ctx, "SELECT max(seq) FROM events").Scan(&head); err != nil {
		return 0, fmt.Errorf("read the log's end: %w", err)
	}
	return head.Int64, nil
}

// Stream reads one stream from its first event; none at all is no error.
func (v *View) Stream(ctx context.Context, id string) ([]Event, error) {
	return v.StreamAfter(ctx, id, 0)
}

// StreamAfter reads the events of one stream that come after a version.
func (v *View) StreamAfter(ctx context.Context, id string, version int64) ([]Event, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	var rows *sql.Rows
	var err error
	if v.stream != nil {
		rows, err = v.stream.QueryContext(detached(ctx), id, version)
	} else {
		rows, err = v.conn.QueryContext(detached(ctx), selectStream, id, version)
	}
	var out []Event
	if err == nil {
		err = scan(ctx, v.path, rows, func(e Event) error {
			version++
			if e.Version != version {
				return &Damaged{Path: v.path, Seq: e.Seq, Why: fmt.Sprintf("version %d of stream %s stands where %d belongs", e.Version, id, version)}
			}
			out = append(out, e)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", id, err)
	}
	return out, nil
}

// view is viewOn, on a connection of a pool.
func view(ctx context.Context, db *sql.DB, path string, f func(v *View) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return explain(path, fmt.Errorf("open the log: %w", err))
	}
	return with(viewOn(ctx, conn, path, nil, f), conn.Close())
}

// viewOn runs f in a transaction that reads. stream is selectStream, where it
// was prepared.
func viewOn(ctx context.Context, conn *sql.Conn, path string, stream *sql.Stmt, f func(v *View) error) (err error) {
	ctx = detached(ctx)
	v := &View{conn: conn, path: path, stream: stream}
	defer func() {
		v.over = true
		_, end := conn.ExecContext(ctx, "COMMIT") // nothing was written: it only ends
		err = explain(path, with(err, end))
	}()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	return f(v)
}
