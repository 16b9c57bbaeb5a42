package events_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

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
