package smolmachines_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// What tests run against: the fake always, the real program where the
// environment names it, and micro-VMs where it says that they boot.
const (
	envReal = "BOT_BOTTLE_TEST_SMOLVM"
	envBoot = "BOT_BOTTLE_TEST_BOOT"
	// The lab says that it is one, and has a disk; points are for it to run.
	envLab    = "BOT_BOTTLE_TEST_LAB"
	envDisk   = "BOT_BOTTLE_TEST_DISK"
	envPoints = "BOT_BOTTLE_TEST_POINTS"
)

// smolvm is one program and one data root.
type smolvm struct {
	path, root string
	env        []string // besides the usual
	boots      bool
	real       bool
}

func fakeProgram(t *testing.T) smolvm {
	t.Helper()
	path, err := fakesmolvm.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return smolvm{path: path, root: shortDir(t), boots: canUnshare(t)}
}

func realProgram(t *testing.T) smolvm {
	t.Helper()
	path := os.Getenv(envReal)
	if path == "" {
		t.Skipf("%s names no smolvm: cmd/dev/smolvm.sh brings one", envReal)
	}
	return smolvm{path: path, root: shortDir(t), boots: os.Getenv(envBoot) == "1", real: true}
}

// shortDir is a folder with a path short enough for the sockets of machines.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv(envDisk), "sm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// canUnshare says whether the fake's machines can be: they are processes in
// namespaces of their own.
func canUnshare(t *testing.T) bool {
	t.Helper()
	return os.Getuid() == 0 || exec.Command("unshare", "-Urpfm", "true").Run() == nil
}

// reply is how a call of the program ended.
type reply struct {
	out, err string
	code     int
}

func (s smolvm) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.path, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.root, "SMOLVM_DATA_DIR=" + s.root, "SMOLVM_VM_UID_DROP=off",
		"SMOLVM_AGENT_READY_TIMEOUT_SECS=120"}
	cmd.Env = append(cmd.Env, s.env...)
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

func (s smolvm) call(t *testing.T, stdin string, args ...string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := s.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("smolvm %q: %v", args, err)
	}
	return reply{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// image packs an image archive with a static busybox, as `docker save` does.
func imageArchive(t *testing.T, config map[string]any) string {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("no static busybox at /bin/busybox (Debian: busybox-static): %v", err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	add := func(name, body, link string, mode int64, kind byte) {
		h := &tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: int64(len(body)), Linkname: link, ModTime: time.Unix(1, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"bin/", "etc/", "tmp/", "root/"} {
		add(d, "", "", 0o755, tar.TypeDir)
	}
	add("bin/busybox", string(busybox), "", 0o755, tar.TypeReg)
	for _, name := range tools {
		add("bin/"+name, "", "busybox", 0o777, tar.TypeSymlink)
	}
	add("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n", "", 0o644, tar.TypeReg)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return saveArchive(t, layer.Bytes(), config)
}

var tools = strings.Fields("sh cat sleep stty tar wc seq id env echo printf test touch mkdir grep ls kill ps dd rm chmod stat readlink ln nc pwd true yes cut head tail mount df")

func saveArchive(t *testing.T, layer []byte, config map[string]any) string {
	t.Helper()
	all := map[string]any{"Env": []string{"PATH=/bin"}}
	for k, v := range config {
		all[k] = v
	}
	text, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": all,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}}})
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%x.json", sha256.Sum256(text))
	manifest, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		name string
		body []byte
	}{{"manifest.json", manifest}, {name, text}, {"layer.tar", layer}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.body)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(shortDir(t), "image.tar")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
