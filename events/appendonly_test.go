package events_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// TestAppendOnly changes the log in every way that SQL has, from inside our
// own transaction and as another program with settings of its own.
func TestAppendOnly(t *testing.T) {
	home := newHome(t) // four events: 1 1 2 1
	const row = `'t', 0, '{}', '{}', NULL)`
	refused := map[string]string{
		"update":                    `UPDATE events SET data = '{}'`,
		"update of a digest":        `UPDATE events SET digest = NULL WHERE seq = 1`,
		"update or replace":         `UPDATE OR REPLACE events SET seq = 1 WHERE seq = 2`,
		"delete":                    `DELETE FROM events WHERE seq = 4`,
		"delete of all":             `DELETE FROM events`,
		"replace by seq":            `REPLACE INTO events VALUES (4, 'x', 1, ` + row,
		"replace by version":        `INSERT OR REPLACE INTO events VALUES (5, '` + id(1) + `', 1, ` + row,
		"ignore":                    `INSERT OR IGNORE INTO events VALUES (4, 'x', 1, ` + row,
		"upsert":                    `INSERT INTO events VALUES (4, 'x', 1, ` + row + ` ON CONFLICT DO UPDATE SET data = '[]'`,
		"gap":                       `INSERT INTO events VALUES (6, 'x', 1, ` + row,
		"seq made by SQLite":        `INSERT INTO events VALUES (NULL, 'x', 1, ` + row,
		"version gap":               `INSERT INTO events VALUES (5, '` + id(2) + `', 3, ` + row,
		"stream not from 1":         `INSERT INTO events VALUES (5, 'x', 2, ` + row,
		"two at once, the second":   `INSERT INTO events VALUES (5, 'x', 1, 't', 0, '{}', '{}', NULL), (5, 'y', 1, ` + row,
		"wrong type":                `INSERT INTO events VALUES (5, 'x', 1, 't', 'noon', '{}', '{}', NULL)`,
		"change of erasable":        `UPDATE erasable SET data = '{}'`,
		"replace of erasable":       `REPLACE INTO erasable SELECT seq, salt, '{}' FROM erasable`,
		"erasable of no event":      `INSERT INTO erasable VALUES (9, x'00', '{}')`,
		"erasable without a digest": `INSERT INTO erasable VALUES (4, x'00', '{}')`,
	}
	before := files(t, home)[events.FileName]
	try := func(t *testing.T, exec func(string) error) {
		for name, statement := range refused {
			var e *sqlite.Error
			if err := exec(statement); !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_CONSTRAINT {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	t.Run("another program", func(t *testing.T) {
		db := another(t, home)
		try(t, func(s string) error { _, err := db.Exec(s); return err })
		closed(t, db)
	})
	t.Run("a projection", func(t *testing.T) {
		l := open(t, options(home))
		defer l.Close()
		try(t, func(s string) error {
			return l.Update(context.Background(), func(tx *events.Tx) error {
				_, err := tx.Exec(context.Background(), s)
				return err
			})
		})
	})
	if files(t, home)[events.FileName] != before {
		t.Error("the file changed")
	}
	// Dropping an erasable part is allowed, and so is what comes next.
	db := another(t, home)
	execute(t, db, `DELETE FROM erasable WHERE seq = 1`, `INSERT INTO events VALUES (5, 'x', 1, `+row)
	closed(t, db)
	l := open(t, options(home))
	defer l.Close()
	e := scan(t, l, events.Filter{Limit: 1})[0]
	if e.Erasable != nil || e.Salt != nil || len(e.Digest) != 32 {
		t.Errorf("after redaction: %+v", e)
	}
	if p, err := events.Decode(e); err != nil || p.(*events.BottleCreated).Argv != nil || p.(*events.BottleCreated).Slug != "a" {
		t.Errorf("decoded %+v %v", p, err)
	}
}

// TestDamagedRows removes what the triggers guard, and with it an event.
func TestDamagedRows(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		seq       int64
	}{
		"an event is missing":      {`DELETE FROM events WHERE seq = 2`, 2},
		"the first is missing":     {`DELETE FROM events WHERE seq = 1`, 1},
		"versions do not follow":   {`UPDATE events SET version = 7 WHERE seq = 4`, 4},
		"a control character":      {`UPDATE events SET data = '{"a":"' || char(31) || '"}' WHERE seq = 4`, 4},
		"a stream begins too late": {`UPDATE events SET version = version + 10 WHERE bottle_id = '` + id(1) + `'`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			home := newHome(t)
			db := another(t, home)
			execute(t, db, `DROP TRIGGER events_keep_rows`, `DROP TRIGGER events_keep_values`, c.statement)
			closed(t, db)
			r, err := events.OpenReader(t.Context(), home, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			err = r.View(t.Context(), func(v *events.View) error {
				_, stream := v.Stream(t.Context(), id(1))
				return errors.Join(stream, v.Scan(t.Context(), events.Filter{}, func(events.Event) error { return nil }))
			})
			var d *events.Damaged
			if !errors.As(err, &d) || d.Seq == 0 {
				t.Fatalf("%v", err)
			}
			if d.Path != filepath.Join(home, events.FileName) {
				t.Errorf("path %s", d.Path)
			}
		})
	}
}
