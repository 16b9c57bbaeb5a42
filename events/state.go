package events

import (
	"context"
	"database/sql"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// state is what a log says about itself.
type state struct {
	schema   int64 // version of the tables
	revision int64 // of the fold that made the projections; 0: none
	homeID   string
	head     int64 // greatest seq
}

const (
	askSchema = "PRAGMA user_version"
	askState  = "SELECT (SELECT value FROM meta WHERE key = 'home_id'), " +
		"(SELECT value FROM meta WHERE key = 'fold_revision'), (SELECT max(seq) FROM events)"
)

// asker is a connection or what was prepared on it.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readState asks in the transaction that c is in, if any.
func readState(ctx context.Context, c asker) (state, error) {
	var s state
	if err := c.QueryRowContext(detached(ctx), askSchema).Scan(&s.schema); err != nil {
		return s, fmt.Errorf("read the schema's version: %w", err)
	}
	if s.schema > migrations.Latest || s.schema < 1 {
		return s, nil // the tables cannot be relied on
	}
	return s, s.scan(c.QueryRowContext(detached(ctx), askState))
}

func (s *state) scan(row *sql.Row) error {
	var id sql.NullString
	var revision, head sql.NullInt64
	if err := row.Scan(&id, &revision, &head); err != nil {
		if code(err) == sqlite3.SQLITE_ERROR { // no such table
			return &Damaged{Why: "its tables are not what they should be", Err: err}
		}
		return fmt.Errorf("read the log's state: %w", err)
	}
	s.homeID, s.revision, s.head = id.String, revision.Int64, head.Int64
	return nil
}

// newer refuses what a newer program wrote.
func (s state) newer(path string, revision int64) error {
	switch {
	case s.schema > migrations.Latest:
		return &Newer{Path: path, What: "schema", Have: s.schema, Know: migrations.Latest}
	case s.revision > revision:
		return &Newer{Path: path, What: "fold", Have: s.revision, Know: revision}
	}
	return nil
}
