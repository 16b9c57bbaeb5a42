package events_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// big is an event that does not fit into a page.
func big(n int) *events.BottleCreated {
	b := created(fmt.Sprint("big-", n))
	b.Argv = []string{strings.Repeat("x", 64<<10)}
	return b
}

// fill appends until the log refuses, which must be as Unwritable, and then
// looks whether everything before that is there and nothing else.
func fill(t *testing.T, l *events.Log) {
	t.Helper()
	before := len(scan(t, l, events.Filter{}))
	n := 0
	for ; n < 1000; n++ {
		_, err := tryAppend(l, id(1000+n), 0, created("a"), big(n))
		if err == nil {
			continue
		}
		var unwritable *events.Unwritable
		if !errors.As(err, &unwritable) || unwritable.Why != "no space is left" {
			t.Fatalf("append %d: %v", n, err)
		}
		break
	}
	if n == 0 || n == 1000 {
		t.Fatalf("the disk was full after %d appends", n)
	}
	if got := len(scan(t, l, events.Filter{})); got != before+2*n {
		t.Errorf("%d events, %d were acknowledged", got, before+2*n)
	}
	inStep(t, l)
}

// TestFull lets SQLite believe that the disk is full.
func TestFull(t *testing.T) {
	l := newLog(t)
	pages := func(n int) {
		err := l.Update(t.Context(), func(tx *events.Tx) error {
			return tx.QueryRow(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)).Scan(&n)
		})
		must(t, err)
	}
	pages(100)
	fill(t, l)
	pages(1 << 20)
	appendTo(t, l, id(1), 0, big(0)) // space again: nothing has to be mended
	inStep(t, l)
}

// TestFullDisk fills a real file system.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Skipf("TestFullDisk needs a small file system, and mounting one is refused: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	ballast := filepath.Join(dir, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 512<<10), 0o600))
	home := filepath.Join(dir, "home")
	l := open(t, options(home))
	fill(t, l)
	closed(t, l)
	for room := 64 << 10; room > 0; room /= 2 { // to the last byte
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(t, err)
		for err == nil {
			_, err = f.Write(make([]byte, room))
		}
		must(t, f.Close())
	}
	// What is there can be read, and a new log is not made by half.
	r, err := events.OpenReader(t.Context(), home, 1)
	if err == nil {
		err = tryScan(r, events.Filter{}, new([]events.Event))
		closed(t, r)
	}
	must(t, err)
	fresh := filepath.Join(dir, "fresh")
	_, err = events.Open(t.Context(), options(fresh))
	var unwritable *events.Unwritable
	if !errors.As(err, &unwritable) {
		t.Errorf("a new log on a full disk: %v", err)
	}
	if _, err := os.Stat(filepath.Join(fresh, events.FileName)); err == nil {
		t.Error("half a log was made")
	}
	remove(t, ballast)
	closed(t, open(t, options(fresh)))
	l = open(t, options(home))
	defer closed(t, l)
	appendTo(t, l, id(1), 0, created("a"))
	inStep(t, l)
}

// TestReadOnlyFileSystem opens a log for writing where nothing can be written.
func TestReadOnlyFileSystem(t *testing.T) {
	home := newHome(t)
	if err := syscall.Mount(home, home, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("TestReadOnlyFileSystem needs to mount: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(home, 0)) })
	must(t, syscall.Mount("", home, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err := events.Open(t.Context(), options(home))
	if err == nil {
		t.Error("a log on a read-only file system opens for writing")
	}
	var unwritable *events.Unwritable
	if !errors.As(err, &unwritable) {
		t.Errorf("%v", err)
	}
	r, err := events.OpenReader(t.Context(), home, 1)
	must(t, err)
	defer closed(t, r)
	if n := len(scan(t, r, events.Filter{})); n != 4 {
		t.Errorf("%d events", n)
	}
}

// TestNoRights opens logs for writing as an account without the right.
func TestNoRights(t *testing.T) {
	folder, file := newHome(t), newHome(t)
	must(t, os.Chmod(filepath.Join(file, events.FileName), 0o400))
	for name, home := range map[string]string{"folder": folder, "file": file} {
		if name == "file" {
			must(t, os.Chmod(home, 0o700))
		}
		out, err := asOther(t, home, name == "folder", "open")
		if err == nil || !strings.HasPrefix(out, "unwritable: ") {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
}
