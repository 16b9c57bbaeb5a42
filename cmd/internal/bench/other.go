package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hallgren/eventsourcing/core"
	eventstore "github.com/hallgren/eventsourcing/eventstore/sql"
	_ "modernc.org/sqlite" // the driver of both sides
)

// other is hallgren/eventsourcing's store on the same driver, with the same
// durability, and with one connection: the best case for it.
type other struct {
	db    *sql.DB
	store *eventstore.SQLite
}

func openOther(path string) (*other, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	store, err := eventstore.NewSQLite(db)
	if err != nil {
		return nil, fmt.Errorf("open the other store: %w", err)
	}
	if _, err := db.Exec("CREATE TABLE bottles (id TEXT PRIMARY KEY, slug TEXT NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL, updated TEXT NOT NULL) STRICT"); err != nil {
		return nil, err
	}
	o := &other{db, store}
	return o, o.check()
}

// check makes sure that the comparison is one.
func (o *other) check() error {
	var mode string
	var sync int
	if err := o.db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if err := o.db.QueryRow("PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if full := 2; mode != "wal" || sync != full {
		return fmt.Errorf("the other store runs with journal mode %s and synchronous %d", mode, sync)
	}
	return nil
}

func (o *other) close() error { return o.db.Close() }

// live takes one bottle through a life: the same events in the same appends,
// and with rows, the state after each of them in a table.
func (o *other) live(slug string, rows bool) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	version := core.Version(0)
	for _, step := range life(id.String(), slug) {
		batch := make([]core.Event, len(step))
		for i, p := range step {
			data, err := encode(p)
			if err != nil {
				return err
			}
			metadata, err := json.Marshal(origin)
			if err != nil {
				return err
			}
			version++
			batch[i] = core.Event{AggregateID: id.String(), Version: version, AggregateType: "Bottle", Reason: p.EventType(),
				Timestamp: time.Now().UTC(), Data: data, Metadata: metadata}
		}
		if err := o.store.Save(batch); err != nil {
			return fmt.Errorf("append to the other store: %w", err)
		}
		if !rows {
			continue
		}
		_, err := o.db.Exec(`INSERT INTO bottles (id, slug, state, version, updated) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version, updated = excluded.updated`,
			id.String(), slug, step[len(step)-1].EventType(), int64(version), time.Now().UTC().Format(time.RFC3339))
		if err != nil {
			return fmt.Errorf("keep a row beside the other store: %w", err)
		}
	}
	return nil
}
