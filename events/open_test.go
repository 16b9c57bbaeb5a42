package events_test

import (
	"errors"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

func TestNewer(t *testing.T) {
	var newer *events.Newer
	for name, c := range map[string]struct {
		statement string
		what      string
		have      int64
	}{
		"schema": {"PRAGMA user_version = 99", "schema", 99},
		"fold":   {"UPDATE meta SET value = 2 WHERE key = 'fold_revision'", "fold", 2},
	} {
		t.Run(name, func(t *testing.T) {
			home := newHome(t)
			before, err := events.OpenReader(t.Context(), home, 1)
			if err != nil {
				t.Fatal(err)
			}
			writer := open(t, options(home))
			defer closed(t, writer)
			db := another(t, home)
			execute(t, db, c.statement)
			closed(t, db)
			was := files(t, home)
			_, opening := events.Open(t.Context(), options(home))
			_, reading := events.OpenReader(t.Context(), home, 1)
			_, appending := tryAppend(writer, id(1), 3, &events.BottleProtected{On: true})
			for what, err := range map[string]error{"open": opening, "read": reading, "append": appending} {
				if !errors.As(err, &newer) || newer.What != c.what || newer.Have != c.have {
					t.Errorf("%s: %v", what, err)
				}
			}
			if got := files(t, home); got[events.FileName] != was[events.FileName] || got["log.db-wal"] != was["log.db-wal"] {
				t.Errorf("touched: %v", changed(was, got))
			}
			closed(t, before)
			if name == "fold" {
				r, err := events.OpenReader(t.Context(), home, events.AnyRevision)
				if err != nil {
					t.Fatal(err)
				}
				defer closed(t, r)
				if n := len(scan(t, r, events.Filter{})); n != 4 {
					t.Errorf("read %d events of any revision", n)
				}
			}
		})
	}
}

// TestOlderFold opens a log with a program of a later fold.
func TestOlderFold(t *testing.T) {
	home := newHome(t)
	var older *events.Older
	if _, err := events.OpenReader(t.Context(), home, 2); !errors.As(err, &older) || older.What != "fold" || older.Have != 1 || older.Need != 2 {
		t.Errorf("read: %v", err)
	}
	boom := errors.New("boom")
	o := options(home)
	o.Projector = &counter{revision: 2, fail: boom}
	if _, err := events.Open(t.Context(), o); !errors.Is(err, boom) {
		t.Errorf("a rebuild that fails: %v", err)
	}
	closed(t, open(t, options(home))) // is still of the old fold
	projector := &counter{revision: 2}
	o.Projector = projector
	for range 2 {
		l := open(t, o)
		inStep(t, l)
		closed(t, l)
	}
	if projector.rebuilds != 1 {
		t.Errorf("%d rebuilds", projector.rebuilds)
	}
	r, err := events.OpenReader(t.Context(), home, 2)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, r)
	o.Projector = nil
	var newer *events.Newer
	if _, err := events.Open(t.Context(), o); !errors.As(err, &newer) {
		t.Errorf("without a projector: %v", err)
	}
}

// olderHome is newHome as an older program would have made it.
func olderHome(t testing.TB) string {
	t.Helper()
	home := newHome(t)
	db := another(t, home)
	execute(t, db, `DROP TABLE bottles`, `DROP TABLE resources`, `DROP TABLE projection`,
		`DELETE FROM goose_db_version WHERE version_id = 2`, `DELETE FROM meta WHERE key = 'fold_revision'`, `PRAGMA user_version = 1`)
	closed(t, db)
	return home
}

// TestOlderSchema opens a log that an older program made.
func TestOlderSchema(t *testing.T) {
	home := olderHome(t)
	var older *events.Older
	if _, err := events.OpenReader(t.Context(), home, 1); !errors.As(err, &older) || older.What != "schema" || older.Have != 1 || older.Need != migrations.Latest {
		t.Errorf("read: %v", err)
	}
	l := open(t, options(home))
	defer closed(t, l)
	inStep(t, l)
	if n := len(scan(t, l, events.Filter{})); n != 4 {
		t.Errorf("%d events", n)
	}
}

// TestOtherJournal opens a log that somebody switched out of WAL.
func TestOtherJournal(t *testing.T) {
	home := newHome(t)
	db := another(t, home)
	execute(t, db, `PRAGMA journal_mode = DELETE`)
	closed(t, db)
	l := open(t, options(home))
	defer closed(t, l)
	var mode string
	if err := l.View(t.Context(), func(v *events.View) error {
		return v.QueryRow(t.Context(), "PRAGMA journal_mode").Scan(&mode)
	}); err != nil || mode != "wal" {
		t.Errorf("journal mode %s, %v", mode, err)
	}
}

// TestSettings looks at the settings that durability rests on.
func TestSettings(t *testing.T) {
	l := newLog(t)
	err := l.Update(t.Context(), func(tx *events.Tx) error {
		for pragma, want := range map[string]int{"synchronous": 2, "recursive_triggers": 1, "foreign_keys": 1, "trusted_schema": 0, "busy_timeout": 10000} {
			var got int
			if err := tx.QueryRow(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %d, not %d", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
