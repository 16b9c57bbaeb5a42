package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// fakeMachines is a home with bottles on a fake of smolvm, and bot-bottle as it
// is released.
type fakeMachines struct {
	*testing.T
	dir, root, image string
	env              []string
}

// with is the same for a part of a test.
func (f *fakeMachines) with(t *testing.T) *fakeMachines {
	part := *f
	part.T = t
	return &part
}

func newFakeMachines(t *testing.T) *fakeMachines {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("no static busybox at /bin/busybox (Debian: busybox-static): %v", err)
	}
	if os.Getuid() != 0 && exec.Command("unshare", "-Urpfm", "true").Run() != nil {
		t.Skip("this user can make no namespaces, so the fake has no machines")
	}
	dir, err := os.MkdirTemp("", "calls") // short: machines have sockets below
	fatal(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fakeMachines{T: t, dir: dir, root: filepath.Join(dir, "root"), image: filepath.Join(dir, "image")}
	fatal(t, os.MkdirAll(f.root, 0o700))
	fatal(t, os.MkdirAll(filepath.Join(f.image, "bin"), 0o755))
	fatal(t, os.WriteFile(filepath.Join(f.image, "bin", "sh"), busybox, 0o755))
	for _, name := range []string{"vi", "less", "stty"} {
		fatal(t, os.Symlink("sh", filepath.Join(f.image, "bin", name)))
	}
	_, err = fakesmolvm.Install(dir)
	fatal(t, err)
	return f
}

// command is bot-bottle in this home.
func (f *fakeMachines) command(args ...string) *exec.Cmd {
	f.Helper()
	self, err := os.Executable()
	fatal(f.T, err)
	cmd := exec.Command(self)
	cmd.Args = append([]string{realProgram}, args...)
	cmd.Env = append(os.Environ(), "HOME="+f.dir, "BOT_BOTTLE_HOME="+filepath.Join(f.dir, "home"), "SMOLVM_DATA_DIR="+f.root,
		"BOT_BOTTLE_SMOLVM="+filepath.Join(f.dir, "smolvm"), "TERM=xterm-256color")
	cmd.Env = append(cmd.Env, f.env...)
	return cmd
}

// call runs bot-bottle and returns what it printed and its exit code.
func (f *fakeMachines) call(args ...string) (string, int) {
	f.Helper()
	cmd := f.command(args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (f *fakeMachines) run(args ...string) string {
	f.Helper()
	out, code := f.call(args...)
	if code != 0 {
		f.Fatalf("%q ended with %d: %s", args, code, out)
	}
	return out
}

func (f *fakeMachines) start(name string) []string {
	return []string{"start", "-d", "--backend", "smolmachines", "--network", "none", "--image", f.image, "--name", name,
		"--", "sh", "-c", "trap 'exit 0' TERM; while :; do read -t 1 x; done"}
}

// TestAVerbCallsSmolvmOnceMore than what it is for, as a whole process: every
// call is one, too. list makes none.
func TestAVerbCallsSmolvmOnceMore(t *testing.T) {
	t.Parallel()
	f := newFakeMachines(t)
	f.run(f.start("first")...) // which finds out what smolvm is
	fatal(t, fakesmolvm.Plan(f.root, fakesmolvm.Faults{Tell: true}))
	const look = "machine status"
	for _, c := range []struct {
		args []string
		want []string
	}{
		{f.start("second"), []string{look, "machine create", "machine start"}},
		{[]string{"exec", "second", "--", "sh", "-c", ":"}, []string{look, "machine exec"}},
		{[]string{"list"}, nil},
		{[]string{"stop", "second"}, []string{look, "machine stop"}},
		{[]string{"resume", "-d", "second"}, []string{look, "machine start"}},
		{[]string{"rm", "--force", "second"}, []string{look, "machine stop", "machine delete"}},
	} {
		f.run(c.args...)
		got, err := fakesmolvm.Calls(f.root)
		fatal(t, err)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s calls %s, want %s", c.args[0], strings.Join(got, ", "), strings.Join(c.want, ", "))
		}
		_ = os.Remove(filepath.Join(f.root, "calls")) // none for list
	}
	f.run("rm", "--force", "first")
}

// TestABootThatIsRefusedIsOver: nothing of it is still to come, so the bottle
// has failed and no claim stays open.
func TestABootThatIsRefusedIsOver(t *testing.T) {
	t.Parallel()
	f := newFakeMachines(t)
	fatal(t, fakesmolvm.Plan(f.root, fakesmolvm.Faults{StartFails: "kvm permission denied: /dev/kvm", StartCode: "KVM_UNAVAILABLE"}))
	if out, code := f.call(f.start("refused")...); code != 9 || !strings.Contains(out, "kvm") || !strings.Contains(out, "then: bot-bottle resume refused") {
		t.Errorf("ended with %d: %s", code, out)
	}
	if out := f.run("list"); !strings.Contains(out, "failed") || strings.Contains(out, "under way") {
		t.Errorf("the list is\n%s", out)
	}
	fatal(t, fakesmolvm.Plan(f.root, fakesmolvm.Faults{}))
	f.run("resume", "-d", "refused")
	f.run("rm", "--force", "refused")
}
