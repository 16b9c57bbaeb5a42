package events

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
)

// ErrNoLog says that a home has no log: nothing was ever recorded there.
var ErrNoLog = errors.New("there is no log")

// Reader is an open log that can only be read.
type Reader struct {
	db *sql.DB
}

// OpenReader opens a home's log for reading. It creates nothing.
func OpenReader(ctx context.Context, home string, revision int) (*Reader, error) {
	path := filepath.Join(home, FileName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoLog
	}
	db, err := sql.Open("sqlite", dsn(path, true))
	if err != nil {
		return nil, err
	}
	return &Reader{db: db}, nil
}

// View runs f in one read transaction.
func (r *Reader) View(ctx context.Context, f func(*View) error) error { return view(ctx, r.db, f) }

// HomeID is the id that labels carry in engines.
func (r *Reader) HomeID() (id string, err error) {
	err = r.db.QueryRow("SELECT value FROM meta WHERE key = 'home_id'").Scan(&id)
	return id, err
}

// Close closes the file.
func (r *Reader) Close() error { return r.db.Close() }
