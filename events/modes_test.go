package events_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
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
