package guest_test

import (
	"os"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// manyProcesses starts more than the limit, and says "all" if it could.
const manyProcesses = `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 20 & done; echo all`

// TestTheLimitOfProcesses holds for the agent and for later commands together
// where the kernel can, and elsewhere the run says why not and goes on.
func TestTheLimitOfProcesses(t *testing.T) {
	in := run(t, guest.RunOptions{Pids: 10}, sh(`trap 'exit 0' TERM; while :; do sleep 0.1; done`)...)
	why := in.last().Unbounded
	t.Logf("unbounded: %q", why)
	code, out, _ := in.exec(backends.Command{Argv: sh(manyProcesses)}, "")
	if all := code == 0 && strings.Contains(out, "all"); all != (why != "") {
		t.Errorf("20 processes under a limit of 10: code %d, %q, while the run says %q", code, out, why)
	}
	if why == "" && os.Getuid() != 0 {
		t.Error("a limit that only root can set")
	}
	if free := run(t, guest.RunOptions{}, "true"); free.last().Unbounded != "" {
		t.Errorf("without a limit: %+v", free.last())
	}
}
