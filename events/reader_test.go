package events_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

func TestNoLog(t *testing.T) {
	dir := t.TempDir()
	for _, home := range []string{dir, filepath.Join(dir, "none", "at", "all")} {
		if _, err := events.OpenReader(t.Context(), home, 1); !errors.Is(err, events.ErrNoLog) {
			t.Errorf("%s: %v", home, err)
		}
	}
	if got := entries(t, dir); len(got) != 0 {
		t.Errorf("a reader made %v", got)
	}
}

// TestReaderChangesNothing reads a log that is closed, and one that is open.
func TestReaderChangesNothing(t *testing.T) {
	home := newHome(t)
	read := func(want int) {
		t.Helper()
		before := files(t, home)
		r, err := events.OpenReader(t.Context(), home, 1)
		must(t, err)
		if n := len(scan(t, r, events.Filter{})); n != want {
			t.Errorf("read %d events, not %d", n, want)
		}
		err = r.View(t.Context(), func(v *events.View) error {
			_, err := v.Query(t.Context(), "UPDATE meta SET value = '' RETURNING key")
			return err
		})
		if err == nil {
			t.Error("a reader can write")
		}
		closed(t, r)
		after := files(t, home)
		delete(after, "log.db-shm") // SQLite's shared memory
		delete(before, "log.db-shm")
		if _, ok := before["log.db-wal"]; !ok && after["log.db-wal"] != "" {
			if !strings.HasSuffix(after["log.db-wal"], " ") {
				t.Errorf("a reader wrote a WAL")
			}
			delete(after, "log.db-wal")
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("a reader changed %v", changed(before, after))
		}
	}
	read(4)
	read(4)
	l := open(t, options(home))
	appendTo(t, l, id(1), 3, &events.BottleProtected{On: true})
	read(5)
	closed(t, l)
	read(5)
}

// readAs reads a home whose folder cannot be written, and returns what that
// process printed.
func readAs(t *testing.T, home string) (string, error) {
	t.Helper()
	return asOther(t, home, true, "read")
}

// asOther runs a child on a home as its owner, who is not root.
func asOther(t *testing.T, home string, readOnly bool, what string) (string, error) {
	t.Helper()
	uid := 65534
	if os.Getuid() != 0 {
		uid = os.Getuid()
	} else {
		for dir := filepath.Dir(home); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			must(t, os.Chmod(dir, 0o755))
		}
		must(t, filepath.Walk(home, func(path string, _ os.FileInfo, _ error) error { return os.Chown(path, uid, uid) }))
	}
	if readOnly {
		must(t, os.Chmod(home, 0o500))
		t.Cleanup(func() { os.Chmod(home, 0o700) })
	}
	cmd := child("as", fmt.Sprint(uid), what, home)
	cmd.Stderr = nil
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// as runs another child as another account.
func as(words ...string) error {
	var uid int
	if _, err := fmt.Sscan(words[0], &uid); err != nil {
		return err
	}
	if uid != os.Getuid() {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid)); err != nil {
			return err
		}
	}
	return children[words[1]](words[2:]...)
}

// liveHome is a home as a crash leaves it, its last events in the WAL only.
func liveHome(t *testing.T) string {
	t.Helper()
	home := newHome(t)
	l := open(t, options(home))
	appendTo(t, l, id(1), 3, &events.BottleProtected{On: true})
	copied := filepath.Join(t.TempDir(), "home")
	must(t, os.Mkdir(copied, 0o700))
	for _, name := range []string{events.FileName, events.FileName + "-wal", "home-id"} {
		b, err := os.ReadFile(filepath.Join(home, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(copied, name), b, 0o600))
	}
	closed(t, l)
	return copied
}

func TestReadOnlyFolder(t *testing.T) {
	t.Run("closed cleanly", func(t *testing.T) {
		home := newHome(t)
		out, err := readAs(t, home)
		if err != nil || out != "4" {
			t.Errorf("read %q, %v", out, err)
		}
		if _, err := os.Stat(filepath.Join(home, "log.db-wal")); err == nil {
			t.Error("the folder was writable: nothing was tested")
		}
	})
	t.Run("read before", func(t *testing.T) {
		home := newHome(t)
		r, err := events.OpenReader(t.Context(), home, 1)
		must(t, err)
		closed(t, r) // leaves an empty WAL
		if out, err := readAs(t, home); err != nil || out != "4" {
			t.Errorf("read %q, %v", out, err)
		}
	})
	t.Run("a live WAL", func(t *testing.T) {
		if out, err := readAs(t, liveHome(t)); err == nil || !strings.Contains(out, "not closed cleanly") {
			t.Errorf("read %q, %v", out, err)
		}
	})
	t.Run("a crash before, writable", func(t *testing.T) {
		r, err := events.OpenReader(t.Context(), liveHome(t), 1)
		must(t, err)
		defer closed(t, r)
		if n := len(scan(t, r, events.Filter{})); n != 5 {
			t.Errorf("%d events", n)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		home := newHome(t)
		must(t, os.Chmod(filepath.Join(home, events.FileName), 0))
		if out, err := readAs(t, home); err == nil || !strings.Contains(out, "permission denied") {
			t.Errorf("read %q, %v", out, err)
		}
	})
}

// TestNewerWhileOpen has a newer program bring the log to its own date while
// a reader is open for long.
func TestNewerWhileOpen(t *testing.T) {
	home := newHome(t)
	r, err := events.OpenReader(t.Context(), home, 1)
	must(t, err)
	defer closed(t, r)
	events.Recheck(r)
	scan(t, r, events.Filter{})
	db := another(t, home)
	execute(t, db, "UPDATE meta SET value = 2 WHERE key = 'fold_revision'")
	closed(t, db)
	events.Recheck(r)
	var newer *events.Newer
	if err := r.View(context.Background(), func(*events.View) error { return nil }); !errors.As(err, &newer) {
		t.Errorf("%v", err)
	}
}
