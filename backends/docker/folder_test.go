package docker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// rootFolder is a root file system with a busybox, which runs.
func rootFolder(t *testing.T) string {
	t.Helper()
	box, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("no busybox to make a root of: %v", err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "bin", "busybox"), string(box))
	if err := os.Chmod(filepath.Join(dir, "bin", "busybox"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "sleep", "cat"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "etc", "unique"), random())
	return dir
}

// TestFolders runs what a folder holds. The same folder is the same image,
// and loaded once; a changed one is another.
func TestFolders(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	dir := rootFolder(t)
	unique, err := os.ReadFile(filepath.Join(dir, "etc", "unique"))
	if err != nil {
		t.Fatal(err)
	}
	img := resolved(t, b, dir)
	e.removesImage(t, img.ID)
	if img.Runs || img.User != "" {
		t.Errorf("a folder says neither what to run nor as whom: %+v", img)
	}
	ref := made(t, b, e.spec(t, img, idle()...))
	if got := output(t, b, ref, "cat", "/etc/unique"); got != string(unique) {
		t.Errorf("inside is %q, want %q", got, unique)
	}
	t.Chdir(filepath.Dir(dir))
	if again := resolved(t, b, "./"+filepath.Base(dir)); again != img {
		t.Errorf("by another word it is %+v, want %+v", again, img)
	}
	writeFile(t, filepath.Join(dir, "etc", "more"), "x")
	changed := resolved(t, b, dir)
	e.removesImage(t, changed.ID)
	if changed.ID == img.ID {
		t.Error("a changed folder is the same image")
	}
	if _, err := b.ResolveImage(t.Context(), t.TempDir(), backends.PullNever, silent); !errors.Is(err, backends.ErrBadRequest) || !strings.Contains(err.Error(), "no root file system") {
		t.Errorf("an empty folder: %v", err)
	}
}
