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
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
	"modernc.org/sqlite"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// FileName is the log's file below the home. It is not bot-bottle.db: another
// program owns that name there.
const FileName = "log.db"

// Options say how to open a log for writing.
type Options struct {
	Home      string // folder; made when missing
	Projector Projector
	Origin    Origin
	Now       func() time.Time
	Salt      io.Reader     // 16 random bytes an erasable part; nil: crypto/rand
	NewID     func() string // for the home; nil: UUIDv7
	Wait      time.Duration // longest wait for the writers' turn; 0: 10 s
}

// Projector folds appended events into tables, inside the append transaction.
type Projector interface {
	// Revision is the fold's; a file with a newer one is not written to.
	Revision() int
	// Project folds events that were just appended.
	Project(ctx context.Context, tx *Tx, appended []Event) error
	// Rebuild folds the whole log anew.
	Rebuild(ctx context.Context, tx *Tx) error
}

// Log is an open log that can be appended to.
type Log struct {
	o      Options
	db     *sql.DB
	conn   *sql.Conn // the writer's
	homeID string
	next   *flock.Flock // who writes next
	turn   *flock.Flock // who writes now
}

func init() {
	// with POSIX locks, closing any other descriptor of the file drops ours
	if _, err := sqlite.OFDLocking(true); err != nil && !errors.Is(err, sqlite.ErrOFDLockingUnavailable) {
		panic(err)
	}
}

func dsn(path string, ro bool) string {
	q := "?_pragma=busy_timeout(10000)&_pragma=recursive_triggers(1)&_pragma=trusted_schema(0)"
	if ro {
		q += "&mode=ro"
	} else {
		q += "&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	}
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + q
}

// Open opens a home's log for writing and makes both when they are missing.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Salt == nil {
		o.Salt = rand.Reader
	}
	if o.NewID == nil {
		o.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if err := os.MkdirAll(o.Home, 0o700); err != nil {
		return nil, fmt.Errorf("make the home: %w", err)
	}
	l := &Log{o: o, next: lockFile(o.Home, "log.next"), turn: lockFile(o.Home, "log.turn")}
	var err error
	if l.db, err = sql.Open("sqlite", dsn(l.Path(), false)); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if err := l.open(ctx); err != nil {
		l.db.Close()
		return nil, err
	}
	return l, nil
}

func lockFile(home, name string) *flock.Flock {
	return flock.New(filepath.Join(home, name), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
}

func (l *Log) open(ctx context.Context) error {
	first := lockFile(l.o.Home, "log.open")
	if err := first.Lock(); err != nil {
		return fmt.Errorf("lock the log's opening: %w", err)
	}
	defer first.Close()
	f, err := os.OpenFile(l.Path(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	f.Close()
	var version int
	if err := l.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	if version < migrations.Latest {
		if _, err := l.db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
			return err
		}
		if err := migrations.Apply(ctx, l.db); err != nil {
			return err
		}
	}
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return err
	}
	return l.identify(ctx)
}

func (l *Log) identify(ctx context.Context) error {
	err := l.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'home_id'").Scan(&l.homeID)
	if errors.Is(err, sql.ErrNoRows) {
		l.homeID = l.o.NewID()
		_, err = l.conn.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('home_id', ?)", l.homeID)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.o.Home, "home-id"), []byte(l.homeID+"\n"), 0o600)
}

// HomeID is the id that labels carry in engines.
func (l *Log) HomeID() string { return l.homeID }

// Path is the log's file.
func (l *Log) Path() string { return filepath.Join(l.o.Home, FileName) }

// Close closes the file.
func (l *Log) Close() error {
	return errors.Join(l.conn.Close(), l.db.Close(), l.next.Close(), l.turn.Close())
}

// Update runs f in one immediate transaction, behind the writers' turnstile.
// What f returns as an error undoes all of it.
func (l *Log) Update(ctx context.Context, f func(*Tx) error) (err error) {
	if err := l.next.Lock(); err != nil {
		return err
	}
	if err := l.turn.Lock(); err != nil {
		l.next.Unlock()
		return err
	}
	l.next.Unlock()
	defer l.turn.Unlock()
	if _, err := l.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			l.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if err := f(&Tx{log: l, View: View{q: l.conn}}); err != nil {
		return err
	}
	if _, err := l.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	return nil
}

// View runs f in one read transaction.
func (l *Log) View(ctx context.Context, f func(*View) error) error {
	return view(ctx, l.db, f)
}

func view(ctx context.Context, db *sql.DB, f func(*View) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return f(&View{q: tx})
}
