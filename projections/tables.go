package projections

import (
	"context"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Project brings the tables up to what was appended, in the transaction that
// appended it. A name that two bottles would hold is *[NameTaken], an event
// that cannot be folded an error, and the append with it is undone.
func (t *Tables) Project(ctx context.Context, tx *events.Tx, appended []events.Event) error {
	if len(appended) == 0 {
		return nil
	}
	changed, err := t.advance(ctx, tx, appended)
	if err == nil {
		err = project(ctx, tx, changed)
	}
	if err == nil {
		err = checkpoint(ctx, tx, appended[len(appended)-1].Seq)
	}
	if err != nil {
		t.forget(tx)
		return fmt.Errorf("project events from %d on: %w", appended[0].Seq, explain(ctx, tx, err))
	}
	return nil
}

// change is a bottle after an append.
type change struct {
	Bottle
	named     bool // it may hold other names than before
	resources bool // it may have other resources than before
}

func changeOf(b Bottle, part []events.Event) change {
	c := change{Bottle: b}
	for _, e := range part {
		switch events.New(e.Type).(type) {
		case *events.BottleCreated:
			c.named, c.resources = true, true
		case *events.BottleRenamed, *events.InstanceCreated:
			c.named = true
		case *events.ResourceCreated, *events.ResourceReleased:
			c.resources = true
		}
	}
	return c
}

func project(ctx context.Context, tx *events.Tx, changed []change) error {
	if len(changed) > 1 {
		// Names may have gone round between them, so none of the old rows may
		// stand in the way of a new one.
		for _, c := range changed {
			if _, err := tx.Exec(ctx, `DELETE FROM bottles WHERE id = ?`, c.ID); err != nil {
				return err
			}
		}
	}
	for _, c := range changed {
		if c.named && c.State != Removed {
			if err := c.checkNames(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, upsert, RowOf(c.Bottle).values()...); err != nil {
			return err
		}
		if c.resources {
			if _, err := tx.Exec(ctx, `DELETE FROM resources WHERE bottle = ?`, c.ID); err != nil {
				return err
			}
			for _, r := range c.Resources {
				if _, err := tx.Exec(ctx, insertResource, c.ID, r.Kind, r.Ref); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkNames says who else holds a name of the bottle's, where the table's
// UNIQUE indexes could only say that somebody does.
func (c change) checkNames(ctx context.Context, tx *events.Tx) error {
	held, err := candidates(ctx, tx, `state <> 'removed' AND slug = ? AND id <> ?`, c.Slug, c.ID)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return &NameTaken{Slug: c.Slug, Holder: held[0]}
	}
	held, err = candidates(ctx, tx, byInstance+` AND id <> ?`, c.Backend, c.Endpoint, c.InstanceName, c.ID)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return &NameTaken{Slug: c.Slug, Instance: c.InstanceName, Holder: held[0]}
	}
	return nil
}

const (
	insertResource = `INSERT INTO resources (bottle, kind, ref) VALUES (?, ?, ?)`
	setCheckpoint  = `INSERT INTO projection (name, revision, seq) VALUES ('bottles', ?, ?)
		ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, seq = excluded.seq`
)

var upsert = insertInto("bottles") + ` ON CONFLICT (id) DO UPDATE SET ` + func() string {
	var set []string
	for _, c := range columns {
		set = append(set, c+" = excluded."+c)
	}
	return strings.Join(set, ", ")
}()

func insertInto(table string) string {
	return `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (?` + strings.Repeat(", ?", len(columns)-1) + `)`
}

// checkpoint notes how far the tables have followed the log, and by which fold.
func checkpoint(ctx context.Context, tx *events.Tx, seq int64) error {
	_, err := tx.Exec(ctx, setCheckpoint, FoldRevision, seq)
	return err
}
