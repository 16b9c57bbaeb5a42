package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// chatty is an agent that paints, rings, notifies and ends as it is told.
const chatty = `printf '\033]0;chat\007\033[31mred\033[0m\r\n'; while read -r x; do case $x in
	bell) printf 'ding\a\r\n';; words) printf '\033]9;look here\007';; end) exit 3;; *) echo "got $x";; esac; done`

func (f *fakeMachines) agent(name, script string) {
	f.Helper()
	f.run("start", "-d", "--backend", "smolmachines", "--network", "none", "--image", f.image, "--name", name, "--", "sh", "-c", script)
}

// until waits for something that is printed.
func (f *fakeMachines) until(want string, args ...string) string {
	f.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out := f.run(args...)
		if strings.Contains(out, want) {
			return out
		}
		if time.Now().After(end) {
			f.Fatalf("%q prints no %q:\n%s", args, want, out)
		}
	}
}

// TestTalkWithoutAttaching: a screen is seen, an agent typed to and its wishes
// heard by commands that end.
func TestTalkWithoutAttaching(t *testing.T) {
	t.Parallel()
	f := newFakeMachines(t)
	f.agent("chat", chatty)
	if out := f.until("red", "show", "--screen", "chat"); strings.Contains(out, "\x1b") {
		t.Errorf("a pipe gets colours: %q", out)
	}
	f.run("send", "chat", "--enter", "hello")
	out := f.until("got hello", "show", "--screen", "-o", "json", "chat")
	var shown struct {
		Bottle struct {
			Screen struct {
				Rows, Cols int
				Title      string
				Lines      []string
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.Bottle.Screen.Rows != 24 || shown.Bottle.Screen.Cols != 80 ||
		shown.Bottle.Screen.Title != "chat" || len(shown.Bottle.Screen.Lines) != 24 {
		t.Errorf("%v, %+v", err, shown)
	}

	if out := f.run("list", "--activity", "--columns", "name,activity"); !strings.Contains(out, "chat") || strings.Contains(out, "bell") {
		t.Errorf("list says %s", out)
	}
	f.run("send", "chat", "--enter", "bell")
	f.run("wait", "--for", "attention", "--timeout", "20s", "chat")
	if out := f.run("list", "--activity", "-o", "json"); !strings.Contains(out, `"attention":"bell"`) || !strings.Contains(out, `"title":"chat"`) {
		t.Errorf("after a bell: %s", out)
	}
	f.run("send", "chat", "--enter", "words")
	f.until(`"attention":"notified","note":"look here"`, "list", "--activity", "-o", "json")
	if out := f.run("list", "-o", "json"); !strings.Contains(out, `"activity":null`) {
		t.Errorf("without asking: %s", out)
	}

	f.run("send", "chat", "--enter", "end")
	f.run("wait", "--for", "attention", "--timeout", "20s", "chat")
	if out := f.run("list", "--activity", "-o", "json"); !strings.Contains(out, `"attention":"exited"`) {
		t.Errorf("after its end: %s", out)
	}
	for _, args := range [][]string{{"send", "chat", "x"}, {"show", "--screen", "chat"}} {
		if out, code := f.call(args...); code != 4 || !strings.Contains(out, "bot-bottle resume chat") {
			t.Errorf("%q after its end: %d, %s", args, code, out)
		}
	}
	history := f.run("history", "chat")
	if !strings.Contains(history, "InputSent") || strings.Contains(history, "hello") {
		t.Errorf("history says %s", history)
	}
}
