package imagefile_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// root makes a folder with every kind of thing that a root file system has.
func root(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	for _, d := range []string{"bin", "etc", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(t, os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky))
	must(t, os.WriteFile(filepath.Join(dir, "bin/su"), []byte("su"), 0o755))
	must(t, os.Chmod(filepath.Join(dir, "bin/su"), 0o755|os.ModeSetuid))
	must(t, os.Link(filepath.Join(dir, "bin/su"), filepath.Join(dir, "bin/su2")))
	must(t, os.Symlink("../../../../etc/shadow", filepath.Join(dir, "etc/link")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "tmp/pipe"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "etc", strings.Repeat("n", 200)), []byte("long"), 0o600))
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	must(t, os.Chtimes(filepath.Join(dir, "bin/su"), old, old))
	return dir
}

func pack(t *testing.T, dir string) *imagefile.Packed {
	t.Helper()
	p, err := imagefile.PackFolder(t.Context(), dir, t.TempDir(), func(int64) {})
	must(t, err)
	t.Cleanup(func() { p.Layer.Close() })
	return p
}

func TestPackFolder(t *testing.T) {
	dir := root(t)
	l, err := net.Listen("unix", filepath.Join(dir, "tmp/s"))
	must(t, err)
	defer l.Close()
	p := pack(t, dir)
	got := map[string]string{}
	for r := tar.NewReader(p.Layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		if h.Uid != os.Getuid() || h.Uname != "" || h.ModTime.Nanosecond() != 0 {
			t.Errorf("%s: owner %d %q, time %s", h.Name, h.Uid, h.Uname, h.ModTime)
		}
		got[h.Name] = fmt.Sprintf("%c %o %s%s", h.Typeflag, h.Mode, h.Linkname, text)
	}
	want := map[string]string{
		"bin/": "5 755 ", "etc/": "5 755 ", "tmp/": "5 1777 ", "bin/su": "0 4755 su", "bin/su2": "1 4755 bin/su",
		"etc/link": "2 777 ../../../../etc/shadow", "tmp/pipe": "6 600 ", "etc/" + strings.Repeat("n", 200): "0 600 long",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("packed\n%v\nwant\n%v", got, want)
	}
	cfg, err := imagefile.ParseConfig(p.Config)
	must(t, err)
	if len(cfg.Argv) > 0 || len(cfg.Env) != 1 || !strings.HasPrefix(cfg.Env[0], "PATH=/") || p.ID != imagefile.Digest(p.Config) {
		t.Errorf("the configuration is %s", p.Config)
	}
}

// TestPackedIDs: the same files are the same image, wherever they lie, and
// everything that a guest can see makes another.
func TestPackedIDs(t *testing.T) {
	dir := root(t)
	id := pack(t, dir).ID
	moved := filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.Rename(dir, moved))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(moved, link))
	for _, d := range []string{moved, link} {
		if again := pack(t, d).ID; again != id {
			t.Errorf("%s is %s, want %s", d, again, id)
		}
	}
	for name, change := range map[string]func() error{
		"a mode": func() error { return os.Chmod(filepath.Join(moved, "etc"), 0o700) },
		"a text": func() error { return os.WriteFile(filepath.Join(moved, "bin/su"), []byte("us"), 0) },
		"a target": func() error {
			os.Remove(filepath.Join(moved, "etc/link"))
			return os.Symlink("x", filepath.Join(moved, "etc/link"))
		},
		"a new one": func() error { return os.Mkdir(filepath.Join(moved, "new"), 0o755) },
	} {
		must(t, change())
		now := pack(t, moved).ID
		if now == id {
			t.Errorf("%s changed, and the id did not", name)
		}
		id = now
	}
}

func TestPackFolderRefuses(t *testing.T) {
	scratch := t.TempDir()
	quiet := func(int64) {}
	home := t.TempDir()
	must(t, os.WriteFile(filepath.Join(home, "secrets"), nil, 0o600))
	if _, err := imagefile.PackFolder(t.Context(), home, scratch, quiet); err == nil || !strings.Contains(err.Error(), "no root file system") {
		t.Errorf("a home: %v", err)
	}
	dir := root(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := imagefile.PackFolder(ctx, dir, scratch, func(int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if os.Getuid() != 0 {
		must(t, os.Chmod(filepath.Join(dir, "bin/su"), 0))
		if _, err := imagefile.PackFolder(t.Context(), dir, scratch, quiet); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "bin/su") {
			t.Errorf("an unreadable file: %v", err)
		}
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
