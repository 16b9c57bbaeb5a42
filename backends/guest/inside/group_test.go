package inside

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestACommandStartsInTheGroup: whatever controllers this kernel has, what is
// started is in the group from its first instruction.
func TestACommandStartsInTheGroup(t *testing.T) {
	t.Setenv(nameVar, "test-of-groups")
	top, err := tree()
	if err != nil {
		t.Skipf("this user has no control groups of version 2: %v", err)
	}
	defer top.Close()
	if err := unix.Mkdirat(int(top.Fd()), groupName(), 0o755); err != nil {
		t.Skipf("this user makes no control group: %v", err)
	}
	g, err := within(top)
	if err != nil {
		t.Fatal(err)
	}
	defer g.remove()
	if err := g.try(); err != nil {
		t.Fatal(err)
	}
	p, err := start(command{argv: []string{"cat", "/proc/self/cgroup"}, env: os.Environ(), workdir: "/", group: g})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	pumpOutput(p, func(_ byte, b []byte) error { said.Write(b); return nil }).finish()
	p.close()
	var st syscall.WaitStatus
	if _, err := syscall.Wait4(p.pid, &st, 0, nil); err != nil || st != 0 {
		t.Fatal(st, err)
	}
	if !strings.Contains(said.String(), "0::/"+groupName()+"\n") {
		t.Errorf("it is in %q", said.String())
	}
	g.remove()
	if _, err := join(); err == nil {
		t.Error("the group is left behind")
	}
}
