package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
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
	fatal(t, os.WriteFile(filepath.Join(f.dir, "home", "config.yaml"), []byte("on_attention: [sh, -c, 'echo $BOT_BOTTLE_BOTTLE $BOT_BOTTLE_ATTENTION $BOT_BOTTLE_NOTE >>"+f.dir+"/asked']\n"), 0o600))
	f.run("send", "chat", "--enter", "words")
	f.run("wait", "--for", "attention", "--timeout", "20s", "chat")
	if asked, err := os.ReadFile(filepath.Join(f.dir, "asked")); err != nil || string(asked) != "chat notified look here\n" {
		t.Errorf("on_attention: %v, %q", err, asked)
	}
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

// seat is somebody who sits at a terminal of his own, which shows what it is
// sent and answers what it is asked, as a real one does.
type seat struct {
	f   *fakeMachines
	cmd *exec.Cmd
	ptm *os.File
	mu  sync.Mutex
	scr *screen.Screen
}

// sit runs bot-bottle on a terminal of a size, on which something was before.
func (f *fakeMachines) sit(rows, cols uint16, args ...string) *seat {
	f.Helper()
	s := &seat{f: f, cmd: f.command(args...)}
	s.scr = screen.New(int(rows), int(cols), screen.Options{Reply: func(b []byte) { s.ptm.Write(b) }})
	s.scr.Write([]byte("what was before\033[31m\033[4;9r\033[?1000h\033[?6h"))
	var err error
	s.ptm, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: rows, Cols: cols})
	fatal(f.T, err)
	f.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait(); s.ptm.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := s.ptm.Read(buf)
			s.mu.Lock()
			s.scr.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// view is all that can be seen, colours and cursor included.
func (s *seat) view() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, col, _ := s.scr.Cursor()
	text := string(s.scr.Styled())
	for strings.HasSuffix(text, "\n\x1b[m\n") { // show leaves out what is empty to the end
		text = strings.TrimSuffix(text, "\x1b[m\n")
	}
	return text + fmt.Sprint("cursor at ", row, col)
}

// sees waits until the terminal shows what the agent's shows, and a word.
func (s *seat) sees(name, word string) {
	s.f.Helper()
	theirs := ""
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		mine := s.view()
		var at struct {
			Bottle struct {
				Screen struct {
					Row int `json:"cursor_row"`
					Col int `json:"cursor_col"`
				}
			}
		}
		fatal(s.f.T, json.Unmarshal([]byte(s.f.run("show", "--screen", "-o", "json", name)), &at))
		theirs = s.f.run("show", "--screen", name) + fmt.Sprint("cursor at ", at.Bottle.Screen.Row, at.Bottle.Screen.Col)
		if mine == theirs && strings.Contains(mine, word) {
			return
		}
		if time.Now().After(end) {
			s.f.Fatalf("the terminal shows\n%q\nand the agent's, which is to show %q,\n%q", mine, word, theirs)
		}
	}
}

func (s *seat) types(keys string) {
	s.f.Helper()
	_, err := s.ptm.WriteString(keys)
	fatal(s.f.T, err)
}

func (s *seat) resize(rows, cols uint16) {
	s.f.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scr.Resize(int(rows), int(cols))
	fatal(s.f.T, pty.Setsize(s.ptm, &pty.Winsize{Rows: rows, Cols: cols}))
}

// TestTheSameScreenAgain: attach, type, resize, kill -9, attach again: the same
// agent, and the same screen cell by cell, of programs that use all of it.
func TestTheSameScreenAgain(t *testing.T) {
	t.Parallel()
	f := newFakeMachines(t)
	f.env = []string{"CLICOLOR_FORCE=1"}
	fatal(t, os.WriteFile(filepath.Join(f.image, "text"), []byte(strings.Repeat("one line of many, 漢字 and é\n", 300)), 0o644))
	for _, c := range []struct{ name, agent, first, keys, then string }{
		{"colours", `for i in 0 1 2 3 4 5 6 7; do printf "\033[48;2;$((i*30));$((200-i*20));90m\033[38;5;$((i+16))m cell $i \033[0m"; done; printf '\r\n\033[1;3;4;9mall\033[0m 漢字 e\314\201 \033[7mx\033[0m\r\n'; while read -r x; do printf "\033[32mheard $x\033[0m\r\n"; done`,
			"cell 7", "you\r", "heard you"},
		{"editor", "vi /text", "one line of many", "3Gihello \x1b", "hello one line"},
		{"pager", "less /text", "one line of many", "  ", "one line of many"},
		{"other-screen", `printf 'behind\r\n\033[?1049h\033[2;20r\033[?6h\033[?2004h\033[?1002;1006h\033[5;9Hin front'; stty -echo; while read -r x; do printf "\033[18;30H$x"; done`,
			"in front", "far\r", "far"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := f.with(t)
			f.agent(c.name, c.agent)
			one := f.sit(30, 100, "attach", c.name)
			one.sees(c.name, c.first)
			one.types(c.keys)
			one.sees(c.name, c.then)
			one.resize(40, 120)
			one.sees(c.name, c.then)
			fatal(t, one.cmd.Process.Kill())
			two := f.sit(40, 120, "attach", c.name)
			two.sees(c.name, c.then)
			two.types("\x10\x11")
			if err := two.cmd.Wait(); err != nil {
				t.Errorf("a detach ended with %v", err)
			}
			f.run("rm", "--force", "--yes", c.name)
		})
	}
}

// TestABottleThatKeepsRunning has lost its agent and nothing else: it is told
// how that ended, is used, and gets it back by a restart.
func TestABottleThatKeepsRunning(t *testing.T) {
	t.Parallel()
	f := newFakeMachines(t)
	f.run("start", "-d", "--keep-running", "--backend", "smolmachines", "--network", "none", "--image", f.image, "--name", "stays", "--",
		"sh", "-c", "echo last words; read -r x; exit 3")
	f.until("last words", "show", "--screen", "stays")
	f.run("send", "--enter", "stays", "go")
	f.run("wait", "--for", "attention", "--timeout", "20s", "stays")
	if out := f.run("list", "-o", "json"); !strings.Contains(out, `"state":"running"`) || !strings.Contains(out, `"exit_code":3`) {
		t.Errorf("list says %s", out)
	}
	if out := f.run("list"); !strings.Contains(out, "running (agent exited, exit 3)") {
		t.Errorf("list says %s", out)
	}
	if out := f.run("exec", "stays", "sh", "-c", "echo still here"); !strings.Contains(out, "still here") {
		t.Errorf("exec says %s", out)
	}
	if out := f.run("show", "--screen", "stays"); !strings.Contains(out, "last words") {
		t.Errorf("the last screen is %s", out)
	}
	if out, code := f.call("attach", "stays"); code != 125 || !strings.Contains(out, "has ended (exit 3)") || !strings.Contains(out, "bot-bottle restart stays") {
		t.Errorf("attach: %d, %s", code, out)
	}
	if out := f.run("history", "stays"); strings.Count(out, "AgentExited") != 1 || strings.Contains(out, "BottleStopped") {
		t.Errorf("history says %s", out)
	}
	f.run("restart", "stays")
	f.until(`"exit_code":null`, "list", "-o", "json")
	f.run("stop", "stays")
	if out, code := f.call("start", "--rm", "--keep-running", "--image", f.image); code != 2 || !strings.Contains(out, "leave one out") {
		t.Errorf("--rm with it: %d, %s", code, out)
	}
}
