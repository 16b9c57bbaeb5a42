package guest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	if _, err := guest.Install(dir, "amd64"); err != nil && strings.Contains(err.Error(), "make build") {
		t.Skip("this test was built without guest programs: cmd/dev/guest.sh builds them")
	}
	dir = t.TempDir()
	for range 2 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				folder, err := guest.Install(filepath.Join(dir, "guest"), "amd64")
				if err != nil {
					t.Error(err)
					return
				}
				st, err := os.Stat(filepath.Join(folder, guest.ProgramName))
				if err != nil || st.Mode() != 0o755 || st.Size() > 4<<20 {
					t.Errorf("%v, %v", st, err)
				}
			})
		}
		wg.Wait()
	}
	entries, _ := filepath.Glob(filepath.Join(dir, "guest/*/*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, "guest/*/.*"))
	if len(entries) != 1 || len(hidden) != 0 {
		t.Errorf("left: %q, %q", entries, hidden)
	}
	// What was noted of the program when it was built spares its unpacking.
	if noted, err := os.ReadFile("programs/bot-bottle-guest-amd64.sha256"); err != nil || strings.TrimSpace(string(noted)) != filepath.Base(filepath.Dir(entries[0])) {
		t.Errorf("noted is %q, %v, and installed is %q", noted, err, entries[0])
	}
	os.WriteFile(entries[0], []byte("spoiled"), 0o755)
	if _, err := guest.Install(filepath.Join(dir, "guest"), "amd64"); err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Stat(entries[0]); st.Size() < 1<<20 {
		t.Error("a spoiled program was left as it was")
	}
	if _, err := guest.Install(dir, "sparc"); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("another architecture: %v", err)
	}
}

// itself is a program that acts as the guest program and installs it.
const itself = `package main

import (
	"fmt"
	"os"
	"runtime"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

func main() {
	if len(os.Args) < 3 { // asked to be what it is not
		if code, acted := guest.Act(os.Args, os.Stdin, os.Stdout, os.Stderr); acted {
			os.Exit(code)
		}
	}
	folder, err := guest.Install(os.Args[1], runtime.GOARCH)
	if err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	fmt.Print(folder)
}
`

// TestInstallItself builds a program into which no guest programs were built.
func TestInstallItself(t *testing.T) {
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "main.go")
	os.WriteFile(source, []byte(itself), 0o600)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(here, "itself/main.go"):                         source,
		filepath.Join(here, "programs/bot-bottle-guest-amd64.gz"):     "",
		filepath.Join(here, "programs/bot-bottle-guest-arm64.gz"):     "",
		filepath.Join(here, "programs/bot-bottle-guest-amd64.sha256"): "",
		filepath.Join(here, "programs/bot-bottle-guest-arm64.sha256"): "",
	}})
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "overlay"), overlay, 0o600)
	built := filepath.Join(dir, "itself")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay"), "-o", built, "./itself")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	folder, err := exec.Command(built, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, folder)
	}
	out, err := exec.Command(filepath.Join(string(folder), guest.ProgramName), "fly").CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "usage:") {
		t.Errorf("installed, it says %q, %v", out, err)
	}
	if out, err := exec.Command(built, dir, "without Act").CombinedOutput(); err == nil || !strings.Contains(string(out), "make build") {
		t.Errorf("a program that cannot act was installed: %q", out)
	}
}
