package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

// rude is what an agent, a folder or an engine may say to take over a
// terminal: a title, a colour, a clear screen, text that runs backwards, an
// 8-bit control.
const rude = "\x1b]0;owned\x07\x1b[2J\u202etxt\u009b31m"

// Nothing that anybody else said reaches the terminal as it stands, whatever
// is asked for and in whichever format.
func TestNobodyDrivesTheTerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	folder := filepath.Join(t.TempDir(), "dir"+rude)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	plain := func(args ...string) {
		t.Helper()
		cmd := d.command(args...)
		var out, talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &talk
		cmd.Run()
		for _, text := range []string{out.String(), talk.String()} {
			for _, r := range text {
				if cli.Dangerous(r) && r != '\n' {
					t.Errorf("%q lets %q through:\n%q", args, r, text)
					break
				}
			}
		}
		if out.Len()+talk.Len() == 0 {
			t.Errorf("%q says nothing", args)
		}
	}
	plain("start", "-d", "--name", "a", "--image", "busybox", "--workspace", folder, "--env-plain", "V=x"+rude, "--", "sh", "-c", "echo '"+rude+"'; sleep 1000; "+rude)
	plain("start", "-d", "--name", "b", "--image", "busybox", "--agent", "agent"+rude, "--", "sleep", "1000")
	plain("start", "-d", "--image", "busybox"+rude, "--", "true")
	plain("start", "-d", "--image", "busybox", "--", "no-such-program"+rude)
	plain("start", "-d", "--name", "a"+rude, "--image", "busybox")
	plain("start", "-d", "--image", "busybox", "-v", rude+":/x")
	plain("start", "-d", "--image", "busybox", "--"+rude)
	plain(rude)
	plain("stop", rude)
	plain("list", "--columns", rude)
	plain("list", "--reason", rude)
	plain("cp", "a:/"+rude, ".")
	plain("exec", "a", rude)
	plain("restore", rude)
	plain("--home", "/nowhere"+rude, "show", "a")
	if err := fake.SetFaults(d.engine, fake.Faults{Unreachable: "no " + rude}); err != nil {
		t.Fatal(err)
	}
	plain("stop", "a")
	plain("stop", "-o", "json", "a")
	plain("doctor")
	plain("list", "--check")
	if err := fake.SetFaults(d.engine, fake.Faults{}); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "wide", "json", "jsonl", "name"} {
		plain("list", "--all", "-o", format)
		plain("show", "a", "-o", format)
		plain("show", "b", "-o", format)
		plain("history", "-o", format)
		plain("show", "nobody", "-o", format, "--verbose")
	}
	plain("logs", "a")
	if out := d.script("logs", "--raw", "a"); !strings.Contains(out, "\x1b]0;owned") {
		t.Errorf("the log as it stands is %q", out)
	}
	if out := d.script("logs", "a"); out != "txt\n" {
		t.Errorf("the log as text is %q", out)
	}
}
