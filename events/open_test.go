package events_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

func TestModes(t *testing.T) {
	home := filepath.Join(t.TempDir(), "a", "home")
	l := open(t, options(home))
	appendTo(t, l, id(1), 0, created("a"))
	for name := range files(t, home) { // while it is open, with its WAL
		if st, err := os.Stat(filepath.Join(home, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st.Mode(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(home, "log.db-wal")); err != nil {
		t.Errorf("no WAL: %v", err)
	}
	closed(t, l)
	for _, dir := range []string{home, filepath.Dir(home)} {
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", dir, st.Mode(), err)
		}
	}
	if got := entries(t, home); !reflect.DeepEqual(got, []string{"home-id", "log.db", "log.next", "log.open", "log.turn"}) {
		t.Errorf("closed, the home holds %v", got)
	}
}

func TestWiderFile(t *testing.T) {
	home := newHome(t)
	must(t, os.Chmod(filepath.Join(home, events.FileName), 0o644))
	l := open(t, options(home))
	defer closed(t, l)
	appendTo(t, l, id(1), 3, &events.BottleProtected{On: true})
	for _, name := range []string{"log.db", "log.db-wal", "log.db-shm"} {
		st, err := os.Stat(filepath.Join(home, name))
		must(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, st.Mode())
		}
	}
}

// TestWiderHome opens logs in folders that others may enter.
func TestWiderHome(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  fs.FileMode
		other string // a file in it beforehand
		want  fs.FileMode
	}{
		{"empty", 0o755, "", 0o700},
		{".bot-bottle", 0o755, "state", 0o700},
		{"somebody-elses", 0o755, "index.html", 0o755},
		{"like-tmp", 0o777 | fs.ModeSticky, "", 0o777},
	} {
		home := filepath.Join(t.TempDir(), c.name)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		if c.other != "" {
			if err := os.WriteFile(filepath.Join(home, c.other), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(home, c.mode); err != nil {
			t.Fatal(err)
		}
		closed(t, open(t, options(home)))
		if st, err := os.Stat(home); err != nil || st.Mode().Perm() != c.want {
			t.Errorf("%s: %v %v", c.name, st.Mode(), err)
		}
		if st, err := os.Stat(filepath.Join(home, events.FileName)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", c.name, st.Mode(), err)
		}
	}
}

func TestHomeID(t *testing.T) {
	home := newHome(t)
	file := filepath.Join(home, "home-id")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.TrimSpace(string(b))
	reopened := func(want string) {
		t.Helper()
		l := open(t, options(home))
		defer closed(t, l)
		b, err := os.ReadFile(file)
		if l.HomeID() != want || string(b) != want+"\n" {
			t.Errorf("home id %s, file %q (%v), want %s", l.HomeID(), b, err, want)
		}
		r, err := events.OpenReader(t.Context(), home, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, r)
		if r.HomeID() != want {
			t.Errorf("the reader says %s, not %s", r.HomeID(), want)
		}
	}
	reopened(first)
	remove(t, file)
	reopened(first) // out of the log
	remove(t, filepath.Join(home, events.FileName))
	reopened(first) // a new log takes the file's
	for name, content := range map[string]string{"another": id(77) + "\n", "none": "\n", "hostile": "../../etc\n", "other form": strings.ToUpper(first) + "\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		before := files(t, home)
		_, err := events.Open(t.Context(), options(home))
		var foreign *events.Foreign
		if !errors.As(err, &foreign) {
			t.Errorf("%s: %v", name, err)
		}
		if got := files(t, home); !reflect.DeepEqual(got, before) {
			t.Errorf("%s: files were touched: %v", name, changed(before, got))
		}
	}
}

// TestNotALog puts other things where the log should be: nothing is touched.
func TestNotALog(t *testing.T) {
	var (
		foreign *events.Foreign
		damaged *events.Damaged
	)
	sqlite := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			execute(t, db, statements...)
			closed(t, db)
		}
	}
	content := func(b []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	real, err := os.ReadFile(filepath.Join(newHome(t), events.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(*testing.T, string)
		want any
	}{
		"another program's database":   {sqlite("CREATE TABLE meta (key, value)", "INSERT INTO meta VALUES ('home_id', 'x')"), &foreign},
		"another program's, in WAL":    {sqlite("PRAGMA journal_mode = WAL", "PRAGMA user_version = 2", "CREATE TABLE events (a)"), &foreign},
		"another application id":       {sqlite("PRAGMA application_id = 7", "CREATE TABLE a (b)"), &foreign},
		"a folder":                     {func(t *testing.T, p string) { must(t, os.Mkdir(p, 0o700)) }, &foreign},
		"a pipe":                       {func(t *testing.T, p string) { must(t, syscall.Mkfifo(p, 0o600)) }, &foreign},
		"a link to nothing":            {func(t *testing.T, p string) { must(t, os.Symlink("nowhere", p)) }, &foreign},
		"nothing in it":                {content(nil), &damaged},
		"words":                        {content([]byte("not a database, but long enough to hold a header of one hundred bytes, which this is now, or nearly so")), &damaged},
		"a header and no more":         {content(real[:100]), &damaged},
		"cut short":                    {content(real[:5000]), &damaged},
		"cut short within the header":  {content(real[:50]), &damaged},
		"pages overwritten":            {content(append(append([]byte{}, real[:4096]...), make([]byte, len(real)-4096)...)), &damaged},
		"the file lost, its WAL there": {func(t *testing.T, p string) { must(t, os.WriteFile(p+"-wal", []byte("frames"), 0o600)) }, &damaged},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			c.make(t, filepath.Join(home, events.FileName))
			before := files(t, home)
			_, err := events.Open(t.Context(), options(home))
			if !errors.As(err, c.want) {
				t.Errorf("open: %T %v", err, err)
			}
			r, err := events.OpenReader(t.Context(), home, 1)
			if err == nil { // it may show only when the log is read
				err = tryScan(r, events.Filter{}, new([]events.Event))
				closed(t, r)
			}
			if !errors.As(err, c.want) {
				t.Errorf("read: %T %v", err, err)
			}
			got := files(t, home)
			for _, harmless := range []string{"log.db-shm", "log.db-wal", "log.open"} {
				if _, ok := before[harmless]; !ok {
					delete(got, harmless)
				}
			}
			if !reflect.DeepEqual(got, before) {
				t.Errorf("touched: %v", changed(before, got))
			}
		})
	}
	t.Run("the home is a file", func(t *testing.T) {
		home := filepath.Join(t.TempDir(), "home")
		must(t, os.WriteFile(home, nil, 0o600))
		if _, err := events.Open(t.Context(), options(home)); !errors.As(err, &foreign) {
			t.Errorf("open: %v", err)
		}
		if _, err := events.OpenReader(t.Context(), home, 1); !errors.As(err, &foreign) {
			t.Errorf("read: %v", err)
		}
	})
}

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

// TestSudo has root open a log in somebody's folder: what it makes there is
// theirs, or they could not open their own log any more.
func TestSudo(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("TestSudo needs to be root")
	}
	home := t.TempDir()
	must(t, os.Chown(home, 65534, 65534))
	l := open(t, options(home))
	appendTo(t, l, id(1), 0, created("a"))
	for _, name := range entries(t, home) { // the WAL too
		st, err := os.Stat(filepath.Join(home, name))
		must(t, err)
		if uid := st.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
			t.Errorf("%s belongs to %d", name, uid)
		}
	}
	closed(t, l)
}

func TestUnsafeFileSystem(t *testing.T) {
	home := filepath.Join(t.TempDir(), "a", "home")
	o := options(home)
	var asked string
	o.FileSystem = func(dir string) (string, error) { asked = dir; return "NFS", nil }
	_, err := events.Open(t.Context(), o)
	var unsafe *events.Unsafe
	if !errors.As(err, &unsafe) || unsafe.Kind != "NFS" || !strings.Contains(err.Error(), "BOT_BOTTLE_HOME") {
		t.Errorf("%v", err)
	}
	if asked != filepath.Dir(filepath.Dir(home)) || len(entries(t, asked)) != 0 {
		t.Errorf("asked for %s, which holds %v", asked, entries(t, asked))
	}
	boom := errors.New("boom")
	o.FileSystem = func(string) (string, error) { return "", boom }
	if _, err := events.Open(t.Context(), o); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
}

func TestHostilePath(t *testing.T) {
	home := filepath.Join(t.TempDir(), "a?mode=memory&b#c%20d é\n", "home")
	l := open(t, options(home))
	appendTo(t, l, id(1), 0, created("a"))
	closed(t, l)
	if got := entries(t, home); len(got) != 5 {
		t.Errorf("the home holds %v", got)
	}
	r, err := events.OpenReader(context.Background(), home, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, r)
	if n := len(scan(t, r, events.Filter{})); n != 1 {
		t.Errorf("read %d events", n)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	must(t, os.Remove(path))
}

func entries(t testing.TB, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// changed names the files that differ.
func changed(before, after map[string]string) (names []string) {
	for n := range before {
		if after[n] != before[n] {
			names = append(names, n)
		}
	}
	for n := range after {
		if _, ok := before[n]; !ok {
			names = append(names, "new: "+n)
		}
	}
	return names
}
