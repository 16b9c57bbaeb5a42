package events

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// FileName is the log's file below the home. It is not bot-bottle.db: another
// program owns that name there.
const FileName = "log.db"

// Options say how to open a log for writing. Only Home is needed.
type Options struct {
	// Home is the folder of the log; made when missing.
	Home string
	// Projector keeps tables in step with the log. Without one a log can only
	// be written to that never had one.
	Projector Projector
	// Origin is written with every event.
	Origin Origin
	// Now is the clock; nil: the system's.
	Now func() time.Time
	// Salt gives 16 random bytes an erasable part; nil: crypto/rand.
	Salt io.Reader
	// NewID makes the id of a new home, a UUIDv7; nil: made at random.
	NewID func() string
	// Wait is how long a writer waits for its turn, and then for a program
	// that writes without taking turns; 0: 10 seconds.
	Wait time.Duration
	// FileSystem names the file system of a folder when a log is not safe on
	// it, and is "" for all others; nil: the system is asked.
	FileSystem func(dir string) (kind string, err error)
}

// Projector folds appended events into tables, inside the append transaction.
type Projector interface {
	// Revision numbers the meaning of the fold. It is stored: a program with
	// an older one refuses to write.
	Revision() int
	// Project folds events that were just appended. Its error undoes them.
	Project(ctx context.Context, tx *Tx, appended []Event) error
	// Rebuild folds the whole log anew: after an older revision, and after a
	// log was restored.
	Rebuild(ctx context.Context, tx *Tx) error
}

// Log is an open log that can be appended to. It is safe for concurrent use.
type Log struct {
	o        Options
	home     string // absolute
	path     string
	homeID   string
	revision int64
	origin   []byte
	turns    turnstile
	mine     chan struct{} // holds one token: who has it may use conn

	db   *sql.DB
	conn *sql.Conn // the writer's own
	stmt statements
	ro   *sql.DB // for View
}

// Open opens the log of a home for writing, and makes both when they are
// missing. A log of an older schema or fold is brought up to date.
//
// Errors are *[Unsafe], *[Foreign], *[Damaged], *[Newer], *[Busy] and
// *[Unwritable]; with the first four nothing was touched.
func Open(ctx context.Context, o Options) (*Log, error) {
	home, err := filepath.Abs(o.Home)
	if err != nil {
		return nil, fmt.Errorf("find the home %s: %w", o.Home, err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Salt == nil {
		o.Salt = rand.Reader
	}
	if o.NewID == nil {
		o.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.FileSystem == nil {
		o.FileSystem = unsafeKind
	}
	path := filepath.Join(home, FileName)
	l := &Log{o: o, home: home, path: path, mine: make(chan struct{}, 1),
		turns: turnstile{home: home, path: path, wait: o.Wait}}
	if o.Projector != nil {
		l.revision = int64(o.Projector.Revision())
	}
	if l.ro, err = database(path, read, readerWait); err != nil {
		return nil, err
	}
	l.ro.SetMaxOpenConns(mostViews)
	if l.origin, err = marshal(o.Origin); err != nil {
		return nil, fmt.Errorf("encode the origin: %w", err)
	}
	if err := l.open(ctx); err != nil {
		return nil, with(err, l.Close())
	}
	l.mine <- struct{}{}
	return l, nil
}

// mostViews bounds how many views of one process are open at once.
const mostViews = 4

// errUnready says that a log is missing or must be brought up to date.
var errUnready = errors.New("the log is not ready")

func (l *Log) open(ctx context.Context) error {
	if err := l.prepareFolder(); err != nil {
		return err
	}
	err := l.connect(ctx)
	if errors.Is(err, errUnready) {
		err = l.firstOpen(ctx)
	}
	return explain(l.path, err)
}

// connect opens the file when there is nothing to be done to it first.
func (l *Log) connect(ctx context.Context) (err error) {
	h, err := readHeader(l.path)
	if err != nil {
		return err
	}
	if h.open { // as a backup may have left it; SQLite gives the WAL the same mode
		if err := os.Chmod(l.path, 0o600); err != nil && !errors.Is(err, syscall.EPERM) {
			return unwritable(l.path, "it cannot be closed to others", err)
		}
	}
	if l.db == nil {
		if l.db, err = database(l.path, write, l.o.Wait); err != nil {
			return err
		}
	}
	if l.conn == nil {
		if l.conn, err = l.db.Conn(ctx); err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
	}
	s, err := readState(ctx, l.conn)
	if err != nil {
		return err
	}
	if err := s.newer(l.path, l.revision); err != nil {
		return err
	}
	if !h.wal || s.schema < migrations.Latest || s.revision < l.revision {
		return errUnready
	}
	if l.homeID, err = l.identify(s.homeID); err != nil {
		return err
	}
	if l.stmt.begin == nil {
		return l.stmt.prepare(ctx, l.conn)
	}
	return nil
}

// HomeID is the id (UUIDv7) that our labels carry in every engine.
func (l *Log) HomeID() string { return l.homeID }

// Path is the log's file, absolute.
func (l *Log) Path() string { return l.path }

// Close closes the file. What was committed is on disk long before.
func (l *Log) Close() error {
	errs := []error{l.stmt.close()}
	if l.conn != nil {
		errs = append(errs, l.conn.Close())
	}
	for _, db := range []*sql.DB{l.ro, l.db} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
