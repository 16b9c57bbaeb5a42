package images_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// TestRealEngineTakesThem boots what the store keeps: an image whose layers
// cover each other, one of them twice, and a folder.
func TestRealEngineTakesThem(t *testing.T) {
	program := os.Getenv("BOT_BOTTLE_TEST_SMOLVM")
	if program == "" {
		t.Skip("BOT_BOTTLE_TEST_SMOLVM does not name the real program")
	}
	box, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("no busybox to make an image of: %v", err)
	}
	s, _ := newStore(t)
	base := tarOf(t, file{name: "bin/"}, file{name: "bin/busybox", text: string(box)}, file{name: "bin/cat", link: "busybox"}, file{name: "bin/sleep", link: "busybox"})
	one, two := tarOf(t, file{name: "x", text: "one"}), tarOf(t, file{name: "x", text: "two"})
	config := asJSON(t, map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{"Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(base), digest(one), digest(two), digest(one)}}})
	archive := filepath.Join(t.TempDir(), "image.tar")
	must(t, os.WriteFile(archive, tarOf(t, file{name: "a", text: string(packed(t, base))}, file{name: "b", text: string(one)}, file{name: "c", text: string(two)},
		file{name: "d", text: config}, file{name: "manifest.json", text: `[{"Config":"d","Layers":["a","b","c","b"]}]`}), 0o600))
	folder := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(folder, "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "bin/busybox"), box, 0o755))
	must(t, os.Symlink("busybox", filepath.Join(folder, "bin/cat")))
	must(t, os.Symlink("busybox", filepath.Join(folder, "bin/sleep")))
	must(t, os.WriteFile(filepath.Join(folder, "x"), []byte("one"), 0o644))
	data := t.TempDir()
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"machine"}, args...)...)
		cmd.Env = append(os.Environ(), "SMOLVM_DATA_DIR="+data)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for name, word := range map[string]string{"archive": archive, "folder": folder} {
		t.Run(name, func(t *testing.T) {
			img, err := s.Resolve(t.Context(), word, backends.PullNever, silent)
			must(t, err)
			st, err := s.Lookup(img.ID)
			must(t, err)
			out, err := run("create", "--name", name, "--image", st.Path, "--cpus", "1", "--mem", "512", "--storage", "1", "--overlay", "1", "--", "/bin/sleep", "3600")
			if err != nil || !strings.Contains(out, "Created machine: "+name) {
				t.Fatalf("create: %v\n%s", err, out)
			}
			defer run("delete", "-f", "--name", name)
			if os.Getenv("BOT_BOTTLE_TEST_BOOT") != "1" {
				t.Skip("made, not booted: BOT_BOTTLE_TEST_BOOT is not 1")
			}
			defer run("stop", "--name", name)
			for try := 1; ; try++ { // one in five boots fails under emulation
				if out, err = run("start", "--name", name); err == nil {
					break
				}
				if try == 3 {
					t.Fatalf("start: %v\n%s", err, out)
				}
			}
			if out, err := run("exec", "--name", name, "--", "/bin/cat", "/x"); err != nil || !strings.HasPrefix(out, "one") {
				t.Errorf("inside is %q, %v", out, err)
			}
		})
	}
}
