package projections

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Rebuild makes the tables anew out of the log, schema and all, within one
// transaction. The log is not touched. For a log that is in use [Tables.RebuildLog]
// keeps others waiting for less.
func (t *Tables) Rebuild(ctx context.Context, tx *events.Tx) error {
	return newFolding().finish(ctx, tx)
}

// RebuildLog makes the tables anew while others read and write: the log is
// folded beside them, and one short transaction folds what came meanwhile and
// puts the new tables in place of the old. It returns how many events there
// were. A damaged or newer event stops it, and the tables stay as they were.
func (t *Tables) RebuildLog(ctx context.Context, log *events.Log) (int64, error) {
	f := newFolding()
	// What is appended while the log is read is read again, so that little
	// is left for the transaction that keeps writers out.
	const rounds, little = 4, 1000
	for range rounds {
		from := f.seq
		if err := log.View(ctx, func(v *events.View) error { return f.read(ctx, v) }); err != nil {
			return 0, fmt.Errorf("rebuild: %w", err)
		}
		if f.seq-from < little {
			break
		}
	}
	if err := log.Update(ctx, func(tx *events.Tx) error { return f.finish(ctx, tx) }); err != nil {
		return 0, fmt.Errorf("rebuild: %w", err)
	}
	return f.seq, nil
}

// scanner reads the log in its order: a transaction or a view.
type scanner interface {
	Scan(ctx context.Context, f events.Filter, each func(events.Event) error) error
}

// read folds what the log holds after what was folded already.
func (f *folding) read(ctx context.Context, s scanner) error {
	return s.Scan(ctx, events.Filter{AfterSeq: f.seq}, f.add)
}

// finish folds the rest and swaps the tables.
func (f *folding) finish(ctx context.Context, tx *events.Tx) error {
	if err := f.read(ctx, tx); err != nil {
		return err
	}
	if err := f.write(ctx, tx); err != nil {
		return fmt.Errorf("write the tables anew: %w", err)
	}
	return nil
}

// fresh is added to the name of a table that is being made.
const fresh = "_fresh"

func (f *folding) write(ctx context.Context, tx *events.Tx) error {
	for _, t := range tables {
		if err := run(ctx, tx, `DROP TABLE IF EXISTS `+t.name+fresh,
			`CREATE TABLE `+t.name+fresh+` `+t.columns+` `+t.options); err != nil {
			return err
		}
	}
	insert := insertInto("bottles" + fresh)
	for _, b := range f.bottles() {
		if _, err := tx.Exec(ctx, insert, RowOf(b).values()...); err != nil {
			return fmt.Errorf("bottle %s: %w", b.ID, err)
		}
		for _, r := range b.Resources {
			if _, err := tx.Exec(ctx, `INSERT INTO resources`+fresh+` (bottle, kind, ref) VALUES (?, ?, ?)`, b.ID, r.Kind, r.Ref); err != nil {
				return fmt.Errorf("bottle %s: %w", b.ID, err)
			}
		}
	}
	if err := dropAll(ctx, tx); err != nil {
		return err
	}
	for _, t := range tables {
		if err := run(ctx, tx, `ALTER TABLE `+t.name+fresh+` RENAME TO `+t.name); err != nil {
			return err
		}
	}
	for _, i := range indexes {
		if err := run(ctx, tx, i.sql); err != nil {
			return fmt.Errorf("index %s: %w", i.name, err)
		}
	}
	return checkpoint(ctx, tx, f.seq)
}

// dropAll removes whatever goes by the names of our tables and indexes, also
// where somebody put something else in their place.
func dropAll(ctx context.Context, tx *events.Tx) error {
	for {
		have, err := objects(ctx, tx)
		if err != nil {
			return err
		}
		if len(have) == 0 {
			return nil
		}
		// Tables first: what hangs on them goes with them.
		var name, kind string
		for n, o := range have {
			if name == "" || o.kind == "table" && kind != "table" {
				name, kind = n, o.kind
			}
		}
		if err := run(ctx, tx, `DROP `+kind+` "`+name+`"`); err != nil {
			return err
		}
	}
}

func run(ctx context.Context, tx *events.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("%.40s: %w", s, err)
		}
	}
	return nil
}
