package events

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// readerWait is how long a reader waits for a lock of SQLite's: one is held
// only while a log is recovered after a crash, or closed by its last user.
const readerWait = 5 * time.Second

// applicationID marks our files (PRAGMA application_id): "BotB" in ASCII.
const applicationID = 0x426f7442

// driver sets what holds for the whole process, before the first open.
//
// Locks are by open file description where the system has that: with POSIX
// locks, closing any other descriptor of the log anywhere in the process
// drops the locks of all. Commits are synced by fdatasync(2), which is what
// SQLite does by itself where its configure script finds it, and the driver
// only when told: data and size are on disk just the same, without a second
// write for the time of change.
var driver = sync.OnceValue(func() error {
	_, err := sqlite.OFDLocking(true)
	if err != nil && !errors.Is(err, sqlite.ErrOFDLockingUnavailable) {
		return err
	}
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return err
	}
	return nil
})

// access is a way to open a file.
type access int

const (
	write     access = iota
	read             // no writes; SQLite still needs to map its shared memory
	immutable        // without any lock, where the folder allows nothing else
)

// database makes a pool of connections, which wait for a lock of SQLite's no
// longer than given; nothing is opened yet.
func database(path string, how access, wait time.Duration) (*sql.DB, error) {
	if err := driver(); err != nil {
		return nil, err
	}
	// busy_timeout comes first by the driver's own rule; the others run in
	// alphabetical order. A file may be an attacker's: trusted_schema is off.
	q := "_busy_timeout=" + strconv.FormatInt(wait.Milliseconds(), 10) + "&_pragma=trusted_schema(0)"
	switch how {
	case write:
		q += "&mode=rw&_pragma=foreign_keys(1)&_pragma=recursive_triggers(1)&_pragma=synchronous(FULL)"
	case read:
		q += "&mode=ro"
	case immutable:
		q += "&mode=ro&immutable=1"
	}
	c, err := sqlite.NewConnector((&url.URL{Scheme: "file", Path: path, RawQuery: q}).String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// code is SQLite's extended result code in the chain of err, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// primary is SQLite's primary result code in the chain of err, or 0.
func primary(err error) int { return code(err) & 0xff }

// explain turns what SQLite reports into an error that callers branch on. An
// error that is none of SQLite's, or is ours already, stays what it is.
func explain(path string, err error) error {
	var (
		damaged    *Damaged
		unwritable *Unwritable
		busy       *Busy
	)
	if errors.As(err, &damaged) || errors.As(err, &unwritable) || errors.As(err, &busy) {
		return err
	}
	switch primary(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return &Damaged{Path: path, Err: err}
	case sqlite3.SQLITE_FULL:
		return &Unwritable{Path: path, Why: "no space is left", Err: err}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return &Unwritable{Path: path, Why: "it is read-only", Err: err}
	case sqlite3.SQLITE_CANTOPEN:
		return &Unwritable{Path: path, Why: "it cannot be opened", Err: err}
	case sqlite3.SQLITE_IOERR:
		return &Unwritable{Path: path, Why: "the disk reports an error", Err: err}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return &Busy{Path: path, Err: err}
	}
	return err
}

// detached keeps the driver from interrupting a statement half way: it costs
// a goroutine a statement, and a transaction is short. Callers look at the
// context themselves, before statements and between rows.
func detached(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}
