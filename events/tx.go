package events

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"time"
)

// View reads the log and the projections in one transaction.
type View struct {
	q interface {
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		QueryRowContext(context.Context, string, ...any) *sql.Row
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}
}

// Tx is a writing transaction.
type Tx struct {
	View
	log *Log
}

// Conflict says that a stream has another version than expected.
type Conflict struct {
	Stream         string
	Expected, Have int64
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("stream %s is at version %d, not %d", c.Stream, c.Have, c.Expected)
}

// Query is for projections.
func (v *View) Query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	return v.q.QueryContext(ctx, q, args...)
}

// QueryRow is for projections.
func (v *View) QueryRow(ctx context.Context, q string, args ...any) *sql.Row {
	return v.q.QueryRowContext(ctx, q, args...)
}

// Exec is for projections.
func (tx *Tx) Exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	return tx.q.ExecContext(ctx, q, args...)
}

// Head is the greatest seq, 0 in an empty log.
func (v *View) Head(ctx context.Context) (seq int64, err error) {
	err = v.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&seq)
	return seq, err
}

// Stream reads a stream from its first event.
func (v *View) Stream(ctx context.Context, id string) ([]Event, error) {
	return v.StreamAfter(ctx, id, 0)
}

// StreamAfter reads a stream's events after a version.
func (v *View) StreamAfter(ctx context.Context, id string, version int64) (out []Event, err error) {
	rows, err := v.Query(ctx, columns+" WHERE e.bottle_id = ? AND e.version > ? ORDER BY e.version", id, version)
	if err != nil {
		return nil, err
	}
	err = scan(rows, func(e Event) error { out = append(out, e); return nil })
	return out, err
}

const columns = "SELECT e.seq, e.bottle_id, e.version, e.type, e.time, e.data, e.origin, e.digest, r.salt, r.data FROM events e LEFT JOIN erasable r ON r.seq = e.seq"

func scan(rows *sql.Rows, f func(Event) error) error {
	defer rows.Close()
	for rows.Next() {
		var e Event
		var ms int64
		if err := rows.Scan(&e.Seq, &e.Stream, &e.Version, &e.Type, &ms, &e.Data, &e.Origin, &e.Digest, &e.Salt, &e.Erasable); err != nil {
			return err
		}
		e.Time = time.UnixMilli(ms).UTC()
		if err := f(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Filter selects events; zero fields select all.
type Filter struct {
	Streams            []string
	Types              []string
	AfterSeq, UntilSeq int64
	Since, Until       time.Time
	Limit              int
}

// Scan calls f with the selected events in the log's order.
func (v *View) Scan(ctx context.Context, fl Filter, f func(Event) error) error {
	q, args := columns+" WHERE e.seq > ?", []any{fl.AfterSeq}
	in := func(col string, vals []string) {
		if len(vals) == 0 {
			return
		}
		q += " AND " + col + " IN (''"
		for _, s := range vals {
			q += ", ?"
			args = append(args, s)
		}
		q += ")"
	}
	in("e.bottle_id", fl.Streams)
	in("e.type", fl.Types)
	if fl.UntilSeq > 0 {
		q, args = q+" AND e.seq <= ?", append(args, fl.UntilSeq)
	}
	if !fl.Since.IsZero() {
		q, args = q+" AND e.time >= ?", append(args, fl.Since.UnixMilli())
	}
	if !fl.Until.IsZero() {
		q, args = q+" AND e.time <= ?", append(args, fl.Until.UnixMilli())
	}
	q += " ORDER BY e.seq"
	if fl.Limit > 0 {
		q, args = q+" LIMIT ?", append(args, fl.Limit)
	}
	rows, err := v.Query(ctx, q, args...)
	if err != nil {
		return err
	}
	return scan(rows, f)
}

// Append adds payloads to a stream whose version is expected and projects
// them in the same transaction.
func (tx *Tx) Append(ctx context.Context, stream string, expected int64, payloads ...Payload) ([]Event, error) {
	var have int64
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM events WHERE bottle_id = ?", stream).Scan(&have); err != nil {
		return nil, err
	}
	if have != expected {
		return nil, &Conflict{Stream: stream, Expected: expected, Have: have}
	}
	head, err := tx.Head(ctx)
	if err != nil {
		return nil, err
	}
	origin, err := marshal(tx.log.o.Origin)
	if err != nil {
		return nil, err
	}
	now := time.UnixMilli(tx.log.o.Now().UnixMilli()).UTC()
	out := make([]Event, len(payloads))
	for i, p := range payloads {
		e := Event{Seq: head + int64(i) + 1, Stream: stream, Version: expected + int64(i) + 1, Type: p.EventType(), Time: now, Origin: origin}
		if e.Data, e.Erasable, err = Encode(p); err != nil {
			return nil, err
		}
		if e.Erasable != nil {
			e.Salt = make([]byte, 16)
			if _, err := io.ReadFull(tx.log.o.Salt, e.Salt); err != nil {
				return nil, err
			}
			sum := sha256.Sum256(append(append([]byte(nil), e.Salt...), e.Erasable...))
			e.Digest = sum[:]
		}
		if _, err := tx.Exec(ctx, "INSERT INTO events (seq, bottle_id, version, type, time, data, origin, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			e.Seq, e.Stream, e.Version, e.Type, e.Time.UnixMilli(), string(e.Data), string(e.Origin), e.Digest); err != nil {
			return nil, err
		}
		if e.Erasable != nil {
			if _, err := tx.Exec(ctx, "INSERT INTO erasable (seq, salt, data) VALUES (?, ?, ?)", e.Seq, e.Salt, string(e.Erasable)); err != nil {
				return nil, err
			}
		}
		out[i] = e
	}
	return out, tx.log.o.Projector.Project(ctx, tx, out)
}
