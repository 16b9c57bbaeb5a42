package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// closedPipe is the writing end of a pipe that nobody reads.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

func TestBrokenPipes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", "while :; do echo words; sleep 0.05; done")

	// A reader of stdout that has left: the end that every Unix tool has.
	for _, args := range [][]string{{"list"}, {"history", "-o", "json"}, {"show", "a"}, {"export"}, {"--help"},
		{"logs", "-f", "a"}, {"exec", "a", "yes"}} {
		cmd := d.command(args...)
		var talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = closedPipe(t), &talk
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE {
			t.Errorf("%q into a broken pipe ends with %v", args, err)
		}
		if talk.Len() > 0 {
			t.Errorf("%q into a broken pipe says %q", args, talk.String())
		}
	}

	// A broken stderr stops nothing half way.
	cmd := d.command("start", "-d", "--name", "b", "--image", "busybox", "--", "sleep", "1000")
	cmd.Stderr = closedPipe(t)
	if err := cmd.Run(); err != nil {
		t.Errorf("start with a broken stderr: %v", err)
	}
	if out := d.script("list", "-q", "--state", "running"); out != "b\na\n" {
		t.Errorf("running are %q", out)
	}

	// What cannot be written is a failure.
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full: ", err)
	}
	defer full.Close()
	var talk bytes.Buffer
	cmd = d.command("list")
	cmd.Stdout, cmd.Stderr = full, &talk
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(talk.String(), "no space left") {
		t.Errorf("list onto a full disk: %v, %q", err, talk.String())
	}
}

func TestClosedStreams(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sh := func(script string) (string, error) {
		cmd := exec.Command("sh", "-c", script)
		dir := t.TempDir()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(self, filepath.Join(dir, "bot-bottle")); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(d.env, "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := sh(`bot-bottle start -d --name a --image busybox -- sleep 1000 <&-`); err != nil {
		t.Errorf("start with a closed stdin: %v\n%s", err, out)
	}
	if out, err := sh(`bot-bottle stop --kill a <&- >&- 2>&-`); err != nil {
		t.Errorf("stop with everything closed: %v\n%s", err, out)
	}
	if out, err := sh(`bot-bottle start --name b --image busybox -- cat <&-`); err != nil || !strings.Contains(out, "workspace: none") {
		t.Errorf("a foreground start with a closed stdin: %v\n%s", err, out)
	}
	if out, err := sh(`bot-bottle rebuild --check <&- >&-`); err != nil {
		t.Errorf("the log after closed streams: %v\n%s", err, out)
	}
	if out := d.script("list", "-q", "--state", "stopped"); out != "b\na\n" {
		t.Errorf("stopped are %q", out)
	}
}

// follower reads what a command prints, line by line.
type follower struct {
	cmd   *exec.Cmd
	lines chan string
}

func (d *desk) follow(args ...string) *follower {
	d.t.Helper()
	cmd := d.command(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { cmd.Process.Kill() })
	f := &follower{cmd: cmd, lines: make(chan string, 10000)}
	go func() {
		defer close(f.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			f.lines <- sc.Text()
		}
		io.Copy(io.Discard, out)
	}()
	return f
}

func (f *follower) next(t *testing.T) string {
	t.Helper()
	select {
	case l, ok := <-f.lines:
		if !ok {
			t.Fatalf("%q ended", f.cmd.Args)
		}
		return l
	case <-time.After(20 * time.Second):
		t.Fatalf("%q prints nothing more", f.cmd.Args)
	}
	return ""
}

// ends sends a signal and wants an exit code.
func (f *follower) ends(t *testing.T, s syscall.Signal, want int) {
	t.Helper()
	f.cmd.Process.Signal(s)
	for range f.lines {
	}
	f.cmd.Wait()
	if got := f.cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("%q after %s: exit %d, want %d", f.cmd.Args, s, got, want)
	}
}

// events --follow skips nothing and repeats nothing, whoever writes.
func TestFollowingEvents(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sleep", "1000")
	all := d.follow("events", "--follow", "-o", "jsonl")
	some := d.follow("events", "--follow", "-o", "jsonl", "--type", "BottleLabelled", "--since", "seq:3")
	const writers, each = 3, 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := d.command("label", "a", fmt.Sprintf("w%d=%d", w, i)).Run(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var e struct {
		Seq  int64
		Type string
	}
	head := int64(strings.Count(d.script("history", "-o", "jsonl"), "\n"))
	for want := int64(1); want <= head; want++ {
		line := all.next(t)
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != want {
			t.Fatalf("event %d comes as %s (%v)", want, line, err)
		}
	}
	for range writers * each {
		line := some.next(t)
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Type != "BottleLabelled" {
			t.Fatalf("the labels only: %s (%v)", line, err)
		}
	}
	all.ends(t, syscall.SIGTERM, 0)
	some.ends(t, syscall.SIGINT, 130)
}

func TestSignalsOfWhatWaits(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", "trap '' TERM; while :; do echo words; sleep 0.1; done")

	logs := d.follow("logs", "-f", "a")
	if l := logs.next(t); l != "words" {
		t.Errorf("the log is %q", l)
	}
	logs.ends(t, syscall.SIGTERM, 0)

	d.interrupted(syscall.SIGINT, 130, "wait", "a")
	d.interrupted(syscall.SIGTERM, 0, "recover", "--watch")

	// Ctrl-C in a stop that waits for the agent: the work ends, the books are
	// kept, and the next command finds a bottle that it can stop.
	d.interrupted(syscall.SIGINT, 130, "stop", "--grace", "5s", "a")
	d.script("stop", "--kill", "a")
	if out := d.script("list", "--columns", "state"); !strings.Contains(out, "stopped") {
		t.Errorf("after all that the bottle is %q", out)
	}

	// An engine that never answers does not keep Ctrl-C from working.
	if err := fake.SetFaults(d.engine, fake.Faults{Faults: []fake.Fault{{Point: "inspect:before", Hang: true}}}); err != nil {
		t.Fatal(err)
	}
	d.interrupted(syscall.SIGINT, 130, "resume", "-d", "a")
}

// interrupted starts a command that waits, sends it a signal and wants an exit
// code, soon. On a busy machine a process may take long to get as far as to
// listen for signals: then it is simply killed, and is given more time.
func (d *desk) interrupted(s syscall.Signal, want int, args ...string) {
	d.t.Helper()
	for wait := 300 * time.Millisecond; ; wait *= 3 {
		cmd := d.command(args...)
		if err := cmd.Start(); err != nil {
			d.t.Fatal(err)
		}
		time.Sleep(wait)
		cmd.Process.Signal(s)
		began := time.Now()
		cmd.Wait()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() && wait < 10*time.Second {
			continue
		}
		if status.ExitStatus() != want || time.Since(began) > 10*time.Second {
			d.t.Errorf("%q after %s: %v after %s, want exit %d", args, s, cmd.ProcessState, time.Since(began), want)
		}
		return
	}
}

// Somebody who may only read sees everything and changes nothing.
func TestReadOnlyHome(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can play another user")
	}
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sleep", "1000")
	d.script("rebuild") // a clean close
	home := ""
	for _, e := range d.env {
		if v, ok := strings.CutPrefix(e, "BOT_BOTTLE_HOME="); ok {
			home = v
		}
	}
	for p := home; p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil && p != "/tmp" {
			t.Fatal(err)
		}
	}
	os.Chmod("/tmp", 0o1777)
	for _, name := range []string{"log.db", "home-id"} {
		if err := os.Chmod(filepath.Join(home, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(filepath.Dir(home), "bot-bottle") // where go test builds is closed to others
	if err := os.WriteFile(shared, program, 0o755); err != nil {
		t.Fatal(err)
	}
	as := func(args ...string) (int, string, string) {
		var out, talk bytes.Buffer
		cmd := &exec.Cmd{Path: shared, Args: append([]string{"bot-bottle"}, args...), Env: d.env, Dir: "/", Stdout: &out, Stderr: &talk,
			SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}}
		cmd.Run()
		return cmd.ProcessState.ExitCode(), out.String(), talk.String()
	}
	before := listing(t, home)
	for _, args := range [][]string{{"list", "-q"}, {"show", "a"}, {"history"}, {"events"}, {"export"}, {"rebuild", "--check"}, {"__complete", "--", "stop", ""}} {
		if code, out, talk := as(args...); code != 0 || !strings.Contains(out, "a") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, talk)
		}
	}
	code, out, talk := as("rename", "a", "b", "-o", "json")
	if code != 1 || out != "" || !strings.Contains(talk, `"code":"log_unwritable","exit":1`) {
		t.Errorf("rename: exit %d, %q, %q", code, out, talk)
	}
	if after := listing(t, home); !slices.Equal(before, after) {
		t.Errorf("the home was %q, is %q", before, after)
	}
}

func listing(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(e.Name(), st.Mode(), st.Size(), st.ModTime()))
	}
	return names
}
