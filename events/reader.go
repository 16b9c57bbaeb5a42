package events

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// AnyRevision opens a log for reading whatever fold made its tables: its
// events can be read then, the tables must not be.
const AnyRevision = -1

// Reader is an open log that can only be read. It is safe for concurrent use.
type Reader struct {
	path     string
	homeID   string
	revision int64
	db       *sql.DB
	// Where SQLite cannot lock, because the folder is read-only, a view is
	// good only if the file is the same before and after it.
	unlocked bool
	checked  atomic.Int64 // when the log was last asked for what it is, in ns
}

// checkAgain is how long it goes without saying that no newer program has
// brought the log up to its own date. A list is over long before; a dashboard
// is not.
const checkAgain = time.Second

// OpenReader opens the log of a home for reading. It changes nothing; where
// there is no log it is [ErrNoLog] and none is made. With [AnyRevision] the
// tables may be those of another fold.
//
// Errors are *[Older] when the log must be opened for writing once, *[Newer],
// *[Foreign], *[Damaged] and *[Busy]. It is on the path of every list, so it
// asks for no more than what tells a log that is in order.
func OpenReader(ctx context.Context, home string, revision int) (*Reader, error) {
	dir, err := filepath.Abs(home)
	if err != nil {
		return nil, fmt.Errorf("find the home %s: %w", home, err)
	}
	r := &Reader{path: filepath.Join(dir, FileName), revision: int64(revision)}
	if st, err := os.Stat(r.path); err != nil || !st.Mode().IsRegular() {
		// SQLite would wait for the other end of a pipe.
		if bad := notALog(r.path); bad != nil {
			return nil, bad
		}
	}
	if r.db, err = database(r.path, read, readerWait); err != nil {
		return nil, err
	}
	if err = r.check(ctx); err == nil {
		return r, nil
	}
	// Something is out of order: find out what, and read without locks where
	// that is all the folder allows.
	closing := r.Close()
	if bad := notALog(r.path); bad != nil {
		return nil, bad
	}
	if noShared(err) {
		if err := r.withoutLocks(ctx, err); err != nil {
			return nil, err
		}
		return r, nil
	}
	return nil, with(explain(r.path, err), closing)
}

// notALog says why a file is not one of ours, if it is not.
func notALog(path string) error {
	_, err := readHeader(path)
	if errors.Is(err, errUnready) {
		return ErrNoLog
	}
	return err
}

// check reads what the log says about itself, in a transaction of its own.
func (r *Reader) check(ctx context.Context) error {
	return view(ctx, r.db, r.path, func(v *View) error {
		s, err := r.checkIn(ctx, v)
		r.homeID = s.homeID
		return err
	})
}

func (r *Reader) checkIn(ctx context.Context, v *View) (state, error) {
	s, err := readState(ctx, v.conn)
	if err != nil {
		return s, err
	}
	want := r.revision
	if want == AnyRevision {
		want = s.revision
	}
	if err := s.newer(r.path, want); err != nil {
		return s, err
	}
	switch {
	case s.schema < migrations.Latest:
		return s, &Older{Path: r.path, What: "schema", Have: s.schema, Need: migrations.Latest}
	case s.revision < want:
		return s, &Older{Path: r.path, What: "fold", Have: s.revision, Need: want}
	case s.homeID == "":
		return s, &Damaged{Path: r.path, Why: "it does not say whose it is"}
	}
	r.checked.Store(time.Now().UnixNano())
	return s, nil
}

// noShared says whether SQLite could not make or use its shared memory.
func noShared(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP:
		return true
	}
	return primary(err) == sqlite3.SQLITE_CANTOPEN || primary(err) == sqlite3.SQLITE_READONLY
}

// withoutLocks opens a log that was closed cleanly in a folder where nothing
// can be written, not even SQLite's locks. With a live WAL that would
// silently leave out the latest events.
func (r *Reader) withoutLocks(ctx context.Context, cause error) (err error) {
	if _, err := r.fingerprint(); err != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	if r.db, err = database(r.path, immutable, readerWait); err != nil {
		return err
	}
	r.db.SetMaxIdleConns(0) // such a connection keeps pages that may be stale
	r.unlocked = true
	if err := r.check(ctx); err != nil {
		return with(err, r.Close())
	}
	return nil
}

// fingerprint changes whenever the file does. A WAL with something in it is
// an error.
func (r *Reader) fingerprint() (string, error) {
	if st, err := os.Stat(r.path + "-wal"); err == nil && st.Size() > 0 {
		return "", fmt.Errorf("the log %s was not closed cleanly, or is in use, and its folder is read-only: make the folder writable, or use the account that writes it", r.path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look at the log: %w", err)
	}
	st, err := os.Stat(r.path)
	if err != nil {
		return "", fmt.Errorf("look at the log: %w", err)
	}
	return fmt.Sprint(st.Size(), st.ModTime().UnixNano()), nil
}

// View runs f in one transaction that only reads.
//
// Errors beside those of f are the same as of [OpenReader]: a newer program
// may bring the log up to its own date at any time.
func (r *Reader) View(ctx context.Context, f func(v *View) error) error {
	if time.Since(time.Unix(0, r.checked.Load())) > checkAgain {
		only := f
		f = func(v *View) error {
			if _, err := r.checkIn(ctx, v); err != nil {
				return err
			}
			return only(v)
		}
	}
	if !r.unlocked {
		return view(ctx, r.db, r.path, f)
	}
	before, err := r.fingerprint()
	if err != nil {
		return err
	}
	err = view(ctx, r.db, r.path, f)
	if after, e := r.fingerprint(); e != nil {
		return e
	} else if after != before {
		return &Busy{Path: r.path}
	}
	return err
}

// HomeID is the id (UUIDv7) that our labels carry in every engine.
func (r *Reader) HomeID() string { return r.homeID }

// Close closes the file.
func (r *Reader) Close() error { return r.db.Close() }
