package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// desk is a home, an engine and a terminal to work at.
type desk struct {
	t        *testing.T
	env      []string
	engine   string
	ptm, tty *os.File
	before   unix.Termios

	mu     sync.Mutex
	screen bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	if err := fake.Usable(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	d := &desk{t: t, engine: filepath.Join(dir, "engine")}
	for _, sub := range []string{"engine", "user"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(os.Environ(), "HOME="+filepath.Join(dir, "user"), "BOT_BOTTLE_HOME="+filepath.Join(dir, "home"),
		"BOT_BOTTLE_FAKE="+d.engine, "TEST_SYSTEM_CONFIG=", "TERM=xterm", "BOT_BOTTLE_BACKEND=")
	t.Cleanup(func() { endAll(d.engine) })
	var err error
	if d.ptm, d.tty, err = pty.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.ptm.Close(); d.tty.Close() })
	if err := pty.Setsize(d.tty, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	d.before = d.termios()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := d.ptm.Read(b)
			d.mu.Lock()
			d.screen.Write(b[:n])
			d.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return d
}

func (d *desk) termios() unix.Termios {
	d.t.Helper()
	s, err := unix.IoctlGetTermios(int(d.tty.Fd()), unix.TCGETS)
	if err != nil {
		d.t.Fatal(err)
	}
	return *s
}

// command is bot-bottle as a process of its own: the test binary under that
// name.
func (d *desk) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	return &exec.Cmd{Path: self, Args: append([]string{"bot-bottle"}, args...), Env: d.env, Dir: "/"}
}

// script runs a command without a terminal.
func (d *desk) script(args ...string) string {
	d.t.Helper()
	out, err := d.command(args...).Output()
	if err != nil {
		var talk []byte
		if exit, ok := err.(*exec.ExitError); ok {
			talk = exit.Stderr
		}
		d.t.Fatalf("%q: %v\n%s", args, err, talk)
	}
	return string(out)
}

// sit runs a command on the terminal.
func (d *desk) sit(env []string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := d.command(args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = d.tty, d.tty, d.tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// see waits until the screen holds what matches.
func (d *desk) see(pattern string) {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(20 * time.Second); ; {
		d.mu.Lock()
		found, text := re.Match(d.screen.Bytes()), d.screen.String()
		d.mu.Unlock()
		if found {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the screen does not show %q:\n%q", pattern, text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (d *desk) types(s string) {
	d.t.Helper()
	if _, err := d.ptm.WriteString(s); err != nil {
		d.t.Fatal(err)
	}
}

// ends waits for a command and checks its exit code and that the terminal is
// what it was.
func (d *desk) ends(cmd *exec.Cmd, want int) {
	d.t.Helper()
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	select {
	case <-over:
	case <-time.After(30 * time.Second):
		d.t.Fatalf("%q does not end; the screen is\n%q", cmd.Args, d.screen.String())
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		d.t.Errorf("%q: exit %d, want %d; the screen is\n%q", cmd.Args, got, want, d.screen.String())
	}
	if after := d.termios(); after != d.before {
		d.t.Errorf("%q leaves the terminal changed:\n%+v\nwas\n%+v", cmd.Args, after, d.before)
	}
}

// raw waits until the terminal is in the agent's hands.
func (d *desk) raw() {
	d.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); d.termios() == d.before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("the terminal does not become raw; the screen is\n%q", d.screen.String())
		}
	}
}

// agent shows its terminal's size at each line it reads, and leaves modes set.
const agent = `printf 'READY \033[?1049h\033[?25l\033[?2004h\n'; while read -r w; do [ "$w" = end ] && exit 5; stty size; echo "got $w"; done`

func TestTerminalOfAForegroundStart(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	cmd := d.sit(nil, "start", "--name", "a", "--image", "busybox", "--", "sh", "-c", agent)
	d.see(`workspace: none`)
	d.see(`READY`)
	d.raw()
	d.types("one\r")
	d.see(`30 100(?s:.*)got one`)
	if err := pty.Setsize(d.tty, &pty.Winsize{Rows: 41, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	d.sizeArrives(cmd, "41 77")
	d.types("end\r")
	d.ends(cmd, 5)
	d.see(`bottle a stopped; to go on: bot-bottle resume a`)
	d.see(`\x1b\[\?2004l\x1b\[\?1049l\x1b\[\?25h`)
}

// sizeArrives types until the agent sees a size: the signal takes its time.
func (d *desk) sizeArrives(cmd *exec.Cmd, size string) {
	d.t.Helper()
	cmd.Process.Signal(syscall.SIGWINCH)
	for deadline := time.Now().Add(20 * time.Second); ; {
		d.types("again\r")
		time.Sleep(50 * time.Millisecond)
		d.mu.Lock()
		there := strings.Contains(d.screen.String(), size)
		d.mu.Unlock()
		if there {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the agent never sees the size %s:\n%q", size, d.screen.String())
		}
	}
}

func TestTerminalAfterDetaching(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", agent)
	cmd := d.sit(nil, "attach", "a")
	d.raw()
	d.types("hello\r")
	d.see(`got hello`)
	d.types("\x10\x11") // ctrl-p ctrl-q
	d.ends(cmd, 0)
	d.see(`detached; the agent goes on: bot-bottle attach a`)
	if out := d.script("list", "--columns", "state"); !strings.Contains(out, "running") {
		t.Errorf("after a detach the bottle is %q", out)
	}
	// Other keys, from the environment.
	cmd = d.sit([]string{"BOT_BOTTLE_DETACH_KEYS=ctrl-x,x"}, "attach", "a")
	d.raw()
	d.types("more\r")
	d.see(`got more`)
	d.types("\x18x")
	d.ends(cmd, 0)
}

func TestTerminalAfterASignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skipf("%s is ignored here, as below nohup, and by all that is run", s)
			}
			t.Parallel()
			d := newDesk(t)
			d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", agent)
			cmd := d.sit(nil, "attach", "a")
			d.raw()
			d.types("hello\r")
			d.see(`got hello`)
			cmd.Process.Signal(s)
			d.ends(cmd, 0)
			if out := d.script("list", "--columns", "state"); !strings.Contains(out, "running") {
				t.Errorf("after %s on an attach the bottle is %q", s, out)
			}
		})
	}
}

// A closed terminal leaves the agent of a foreground start running; Ctrl-C
// from outside ends it.
func TestSignalsOfAForegroundStart(t *testing.T) {
	for s, want := range map[syscall.Signal]struct {
		code  int
		state string
	}{
		syscall.SIGHUP:  {0, "running"},
		syscall.SIGTERM: {130, "stopped (interrupted"},
	} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skipf("%s is ignored here, as below nohup, and by all that is run", s)
			}
			t.Parallel()
			d := newDesk(t)
			cmd := d.sit(nil, "start", "--name", "a", "--image", "busybox", "--", "sh", "-c", "trap 'exit 0' TERM; "+agent)
			d.see(`READY`)
			d.raw()
			cmd.Process.Signal(s)
			d.ends(cmd, want.code)
			if out := d.script("list", "--columns", "state"); !strings.Contains(out, want.state) {
				t.Errorf("after %s the bottle is %q, want %q", s, out, want.state)
			}
		})
	}
}

func TestTerminalWhenTheInstanceIsKilled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", agent)
	cmd := d.sit(nil, "attach", "a")
	d.raw()
	d.types("hello\r")
	d.see(`got hello`)
	be, err := fake.Kind("docker").Open(fake.Endpoint(d.engine))
	if err != nil {
		t.Fatal(err)
	}
	defer be.Close()
	all, err := be.List(context.Background(), "")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := be.Stop(context.Background(), backends.Ref{Name: all[0].Name, ID: all[0].ID, Labels: all[0].Labels}, 0); err != nil {
		t.Fatal(err)
	}
	d.ends(cmd, 137)
}

func TestTerminalAfterAPanic(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	cmd := d.sit([]string{"TEST_PANIC_AT=remove:remove"}, "start", "--rm", "--name", "a", "--image", "busybox", "--", "sh", "-c", "echo READY; read w")
	d.see(`READY`)
	d.raw()
	d.types("\r")
	d.ends(cmd, 125)
	d.see(`panic: at remove:remove`)
}

func TestTerminalOfExecAndShell(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sleep", "1000")
	cmd := d.sit(nil, "exec", "-it", "a", "sh", "-c", "stty size; read w; exit 9")
	d.see(`30 100`)
	d.raw()
	d.types("\r")
	d.ends(cmd, 9)
	cmd = d.sit(nil, "shell", "a")
	d.raw()
	d.types("echo in-$((40+2))\r")
	d.see(`in-42`)
	d.types("exit 3\r")
	d.ends(cmd, 3)
}

func TestPromptsNeedATerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if err := fake.SetFaults(d.engine, fake.Faults{Faults: []fake.Fault{{Point: "create:before", Error: "a test"}}}); err != nil {
		t.Fatal(err)
	}
	if err := d.command("start", "-d", "--name", "broken", "--image", "busybox", "--", "true").Run(); err == nil {
		t.Fatal("a start that cannot create succeeds")
	}
	if err := fake.SetFaults(d.engine, fake.Faults{}); err != nil {
		t.Fatal(err)
	}
	cmd := d.sit(nil, "cleanup")
	d.see(`remove broken(?s:.*)Remove 1 of these\? \[y/N\]`)
	d.types("n\r")
	d.ends(cmd, 10)
	cmd = d.sit(nil, "cleanup")
	d.see(`(?s)\[y/N\].*\[y/N\]`)
	d.types("\x03") // Ctrl-C at the question
	d.ends(cmd, 130)
	cmd = d.sit(nil, "cleanup", "--no-input")
	d.ends(cmd, 10)
	cmd = d.sit(nil, "cleanup")
	d.see(`(?s)\[y/N\].*\[y/N\].*\[y/N\]`)
	d.types("yes\r")
	d.ends(cmd, 0)
	if out := d.script("list", "-q"); out != "" {
		t.Errorf("after cleanup there is %q", out)
	}
}
