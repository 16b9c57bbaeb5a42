package events

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"time"
)

// Tx is a transaction that writes. It is valid inside [Log.Update] only, and
// for one goroutine.
type Tx struct {
	View
	log    *Log
	state  state
	failed error // of an append that was begun
}

const (
	insertEvent   = "INSERT INTO events (seq, bottle_id, version, type, time, data, origin, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	insertPrivate = "INSERT INTO erasable (seq, salt, data) VALUES (?, ?, ?)"
	saltSize      = 16 // bytes
	digestSize    = sha256.Size
)

func (tx *Tx) readHead(ctx context.Context) error {
	if err := tx.log.stmt.schema.QueryRowContext(ctx).Scan(&tx.state.schema); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	return tx.state.scan(tx.log.stmt.state.QueryRowContext(ctx))
}

// verify refuses to go on when another process changed, since the log was
// opened, what this one takes for given.
func (tx *Tx) verify() error {
	if err := tx.state.newer(tx.path, tx.log.revision); err != nil {
		return err
	}
	if tx.state.homeID != tx.log.homeID {
		return &Foreign{Path: tx.path, Why: "it became the log of home " + tx.state.homeID + " while it was open"}
	}
	return nil
}

// Append adds events to a stream whose version is expected to be the given
// one (0: there is no such stream yet), and has them projected. If it is not,
// the error is *[Conflict] and nothing was done. All events of one call have
// the same time.
func (tx *Tx) Append(ctx context.Context, stream string, expected int64, payloads ...Payload) ([]Event, error) {
	if err := tx.usable(ctx); err != nil {
		return nil, err
	}
	ctx = detached(ctx)
	var have sql.NullInt64
	if err := tx.log.stmt.version.QueryRowContext(ctx, stream).Scan(&have); err != nil {
		return nil, fmt.Errorf("read the version of stream %s: %w", stream, err)
	}
	if have.Int64 != expected {
		return nil, &Conflict{Stream: stream, Expected: expected, Have: have.Int64}
	}
	if len(payloads) == 0 {
		return nil, nil
	}
	appended, err := tx.append(ctx, stream, expected, payloads)
	if err == nil && tx.log.o.Projector != nil {
		err = tx.log.o.Projector.Project(ctx, tx, appended)
	}
	if err != nil {
		tx.failed = err
		return nil, err
	}
	return appended, nil
}

func (tx *Tx) append(ctx context.Context, stream string, version int64, payloads []Payload) ([]Event, error) {
	now := time.UnixMilli(tx.log.o.Now().UnixMilli()).UTC()
	out := make([]Event, len(payloads))
	for i, p := range payloads {
		version++
		e := Event{Seq: tx.state.head + 1, Stream: stream, Version: version, Type: p.EventType(), Time: now, Origin: tx.log.origin}
		if New(e.Type) == nil {
			return nil, &UnknownType{Type: e.Type, Seq: e.Seq}
		}
		var err error
		if e.Data, e.Erasable, err = Encode(p); err != nil {
			return nil, fmt.Errorf("encode a %s: %w", e.Type, err)
		}
		if e.Erasable != nil {
			e.Salt = make([]byte, saltSize)
			if _, err := io.ReadFull(tx.log.o.Salt, e.Salt); err != nil {
				return nil, fmt.Errorf("make a salt: %w", err)
			}
			e.Digest = digest(e.Salt, e.Erasable)
		}
		if err := tx.insert(ctx, e); err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// insert writes an event as it stands, right after the last one.
func (tx *Tx) insert(ctx context.Context, e Event) error {
	_, err := tx.log.stmt.insertEvent.ExecContext(ctx, e.Seq, e.Stream, e.Version, e.Type, e.Time.UnixMilli(), string(e.Data), string(e.Origin), e.Digest)
	if err == nil && e.Erasable != nil {
		_, err = tx.log.stmt.insertPrivate.ExecContext(ctx, e.Seq, e.Salt, string(e.Erasable))
	}
	if err != nil {
		return fmt.Errorf("append event %d: %w", e.Seq, err)
	}
	tx.state.head = e.Seq
	return nil
}

// digest is what stays of an erasable part.
func digest(salt, erasable []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(erasable)
	return h.Sum(nil)
}

// Exec runs a statement of a projection. The log's own tables refuse changes.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := tx.usable(ctx); err != nil {
		return nil, err
	}
	ctx = detached(ctx)
	kept := tx.log.stmt.other
	s := kept[query]
	if s == nil {
		if len(args) == 0 || len(kept) == mostStatements {
			return tx.conn.ExecContext(ctx, query, args...)
		}
		var err error
		if s, err = tx.conn.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		kept[query] = s
	}
	return s.ExecContext(ctx, args...)
}
