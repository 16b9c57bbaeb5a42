package events_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// templates holds a home of each kind, made when it is first asked for, since
// making one takes longer than most tests. TestMain sets and removes it.
var templates string

func copyOf(t testing.TB, kind string) string {
	t.Helper()
	from, home := filepath.Join(templates, kind), filepath.Join(t.TempDir(), "home")
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		l := open(t, options(from))
		if kind == "four events" {
			appendTo(t, l, id(1), 0, created("a"), &events.ActionRequested{Action: "start", Generation: 1})
			appendTo(t, l, id(2), 0, created("b"))
			appendTo(t, l, id(1), 2, &events.BottleStarted{Generation: 1, Action: "start"})
		}
		closed(t, l)
	}
	copyFiles(t, home, from)
	return home
}

// copyFiles copies a home, modes included.
func copyFiles(t require, home, from string) {
	t.Helper()
	err := os.MkdirAll(home, 0o700)
	if err == nil {
		err = os.CopyFS(home, os.DirFS(from))
	}
	if err == nil {
		err = filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o600)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files reads every file below a folder, to see that nothing was touched.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return out
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = fmt.Sprint(st.Mode(), " ", st.ModTime().UnixNano())
		if st.Mode().IsRegular() {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] += " " + string(b)
		}
	}
	return out
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
