package events

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"
)

// statements are prepared on the writer's connection: text that is parsed
// anew makes an append half as fast.
type statements struct {
	begin, commit, rollback    *sql.Stmt
	schema, state, version     *sql.Stmt
	stream                     *sql.Stmt
	insertEvent, insertPrivate *sql.Stmt
	other                      map[string]*sql.Stmt // of projections, by their text
}

// mostStatements bounds what is kept for projections, whose statements are
// few; a rebuild may run some that are used once.
const mostStatements = 64

func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	s.other = map[string]*sql.Stmt{}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.commit, "COMMIT"},
		{&s.rollback, "ROLLBACK"},
		{&s.schema, askSchema},
		{&s.state, askState},
		{&s.version, "SELECT max(version) FROM events WHERE bottle_id = ?"},
		{&s.stream, selectStream},
		{&s.insertEvent, insertEvent},
		{&s.insertPrivate, insertPrivate},
		{&s.begin, "BEGIN IMMEDIATE"}, // last: it says that all are there
	} {
		var err error
		if *p.stmt, err = conn.PrepareContext(detached(ctx), p.text); err != nil {
			return fmt.Errorf("prepare %q: %w", p.text, err)
		}
	}
	return nil
}

// close ends the statements. SQLite keeps a connection open behind our back
// for as long as it has one, and with it the WAL.
func (s *statements) close() error {
	var errs []error
	for _, p := range []*sql.Stmt{s.begin, s.commit, s.rollback, s.schema, s.state, s.version, s.stream, s.insertEvent, s.insertPrivate} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	for _, p := range s.other {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// Update runs f in one transaction that writes, after waiting for its turn
// among the processes that write. An error or a panic of f undoes all of it;
// once Update returns nil, all of it is on disk. f must not call Update.
//
// Beside what f returns, errors are *[Busy], *[Unwritable], *[Damaged],
// *[Newer] and *[Foreign]. Once f has returned nil, ctx cannot stop the
// commit any more.
func (l *Log) Update(ctx context.Context, f func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-l.mine:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { l.mine <- struct{}{} }()
	leave, err := l.turns.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return explain(l.path, l.transact(ctx, func(tx *Tx) error {
		if err := tx.verify(); err != nil {
			return err
		}
		return f(tx)
	}))
}

// transact runs f in a transaction; the caller has the turn.
func (l *Log) transact(ctx context.Context, f func(tx *Tx) error) (err error) {
	ctx = detached(ctx)
	if _, err := l.stmt.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	tx := &Tx{View: View{conn: l.conn, path: l.path, stream: l.stmt.stream}, log: l}
	done := false
	defer func() {
		tx.over = true
		if !done { // f panicked, or ended its goroutine
			l.undo(ctx)
		}
	}()
	if err = tx.readHead(ctx); err == nil {
		err = f(tx)
	}
	done = true
	if err == nil {
		// What was half done must not be kept, whatever f made of the error.
		err = tx.failed
	}
	if err == nil {
		if _, err = l.stmt.commit.ExecContext(ctx); err != nil {
			err = fmt.Errorf("commit: %w", err)
		}
	}
	if err != nil {
		return with(err, l.undo(ctx))
	}
	return nil
}

// with adds a second error to one, where there is one.
func with(err, more error) error {
	if err == nil || more == nil {
		return cmp.Or(err, more)
	}
	return errors.Join(err, more)
}

// undo ends a transaction that failed. SQLite has ended some by itself: then
// there is nothing to be rolled back, which is no error.
func (l *Log) undo(ctx context.Context) error {
	_, err := l.stmt.rollback.ExecContext(ctx)
	if err != nil && primary(err) != sqlite3.SQLITE_ERROR {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// View runs f in one transaction that only reads. It sees what was committed
// when it began and stops no writer; a long one keeps the log's file growing.
func (l *Log) View(ctx context.Context, f func(v *View) error) error {
	return view(ctx, l.ro, l.path, f)
}

// Peek is View for a short look: it takes the writer's own connection when
// that is free, since opening another costs a verb a millisecond. f must not
// call Update.
func (l *Log) Peek(ctx context.Context, f func(v *View) error) error {
	select {
	case <-l.mine:
		defer func() { l.mine <- struct{}{} }()
		return viewOn(ctx, l.conn, l.path, l.stmt.stream, f)
	default:
		return l.View(ctx, f)
	}
}
