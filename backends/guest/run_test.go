package guest_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// agent answers every line, and lives.
const agent = `echo up; while read -r line; do echo "heard <$line>"; test "$line" = quit && exit 5; done; sleep 3600`

func plain(t *testing.T, script string) *instance {
	t.Helper()
	return run(t, guest.RunOptions{Stdin: true}, sh(script)...)
}

func terminal(t *testing.T, script string) *instance {
	t.Helper()
	return run(t, guest.RunOptions{TTY: true, Stdin: true}, sh(script)...)
}

// logs reads what the log of an instance shows.
func (in *instance) logs(o backends.LogOptions) (out, errs string) {
	in.t.Helper()
	var a, b bytes.Buffer
	if err := guest.ReadLog(in.open(), o, &a, &b); err != nil {
		in.t.Fatal(err)
	}
	return a.String(), b.String()
}

func (in *instance) last() guest.Run {
	in.t.Helper()
	r, err := guest.LastRun(in.open())
	if err != nil {
		in.t.Fatal(err)
	}
	return r
}

func TestExitCodesAndStreamsAreRecorded(t *testing.T) {
	for _, want := range []int{0, 1, 7, 126, 127, 255} {
		in := plain(t, "echo out; echo err >&2; exit "+strconv.Itoa(want))
		if code := in.exit(); code != want {
			t.Errorf("exit %d: the program ends with %d", want, code)
		}
		r := in.last()
		if !r.Over() || r.ExitCode == nil || *r.ExitCode != want || r.Err != nil || r.PID == 0 || r.Ended.Before(r.Started) {
			t.Errorf("exit %d is recorded as %+v", want, r)
		}
		if out, errs := in.logs(backends.LogOptions{Tail: -1}); out != "out\n" || errs != "err\n" {
			t.Errorf("the log holds %q and %q", out, errs)
		}
	}
}

func TestSignalsAreTheAgents(t *testing.T) {
	in := plain(t, `trap 'echo bye; exit 7' TERM; echo trap; while :; do sleep 0.05; done`)
	in.eventually("the trap is set", func() bool { out, _ := in.logs(backends.LogOptions{Tail: -1}); return out == "trap\n" })
	in.cmd.Process.Signal(syscall.SIGTERM)
	if code := in.exit(); code != 7 {
		t.Errorf("ended with %d", code)
	}
	if out, _ := in.logs(backends.LogOptions{Tail: -1}); out != "trap\nbye\n" {
		t.Errorf("it printed %q", out)
	}
}

func TestAnAgentThatIgnoresTermIsKilledByName(t *testing.T) {
	in := plain(t, `trap '' TERM; echo up; while :; do sleep 0.05; done`)
	a := in.attach(backends.AttachOptions{}, true)
	a.sees("up")
	in.cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(200 * time.Millisecond)
	if r := in.last(); r.Over() {
		t.Fatalf("it ended: %+v", r)
	}
	if err := guest.Signal(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), 9); err != nil {
		t.Errorf("Signal: %v", err)
	}
	a.ends(backends.Ended)
	if code := in.exit(); code != 137 {
		t.Errorf("ended with %d", code)
	}
	if r := in.last(); r.ExitCode == nil || *r.ExitCode != 137 || r.Signal != 9 {
		t.Errorf("recorded as %+v", r)
	}
}

func TestWhatCannotBeStartedIsRecorded(t *testing.T) {
	for _, c := range []struct {
		name string
		o    guest.RunOptions
		argv []string
		code int
		kind error
	}{
		{"missing", guest.RunOptions{}, []string{"/no/such/command"}, 127, backends.ErrCommandNotFound},
		{"missing in PATH", guest.RunOptions{}, []string{"no-such-command"}, 127, backends.ErrCommandNotFound},
		{"empty", guest.RunOptions{}, []string{""}, 127, backends.ErrCommandNotFound},
		{"a folder", guest.RunOptions{}, []string{"/tmp"}, 126, backends.ErrNotExecutable},
		{"no such user", guest.RunOptions{User: "no-such-user"}, []string{"true"}, 125, backends.ErrBadRequest},
		{"a folder that cannot be", guest.RunOptions{Workdir: "/dev/null/x"}, []string{"true"}, 125, backends.ErrBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := run(t, c.o, c.argv...)
			if code := in.exit(); code != c.code {
				t.Errorf("the program ends with %d, want %d", code, c.code)
			}
			r := in.last()
			if !errors.Is(r.Err, c.kind) || !r.Over() || *r.ExitCode != c.code || !r.Started.IsZero() {
				t.Errorf("recorded as %+v", r)
			}
		})
	}
}

func TestOrphansAreReapedAndEndedWithIt(t *testing.T) {
	mark := "4" + strconv.Itoa(100000+os.Getpid())
	in := plain(t, `(sh -c 'sleep 0.1; echo orphan' &) ; (sh -c 'trap "" TERM HUP; sleep `+mark+`' &); sleep 1; ps -o stat= --ppid $PPID; exit 3`)
	if code := in.exit(); code != 3 {
		t.Errorf("ended with %d", code)
	}
	out, _ := in.logs(backends.LogOptions{Tail: -1})
	if !strings.Contains(out, "orphan") || strings.Contains(out, "Z") {
		t.Errorf("it printed %q: an orphan was lost, or is a zombie", out)
	}
	procs, _ := os.ReadDir("/proc")
	for _, p := range procs {
		line, _ := os.ReadFile("/proc/" + p.Name() + "/cmdline")
		if string(line) == "sleep\x00"+mark+"\x00" {
			t.Errorf("%s is left", p.Name())
		}
	}
}

func TestUserHomeAndFolder(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	for _, c := range []struct {
		o    guest.RunOptions
		want string
	}{
		{guest.RunOptions{}, "0 0 /root /\n"},
		{guest.RunOptions{User: "nobody"}, "65534 65534 /nonexistent /\n"},
		{guest.RunOptions{User: "1234:567", Home: "/home/x"}, "1234 567 /home/x /\n"},
		{guest.RunOptions{User: "54321", Workdir: "/tmp"}, "54321 0 / /tmp\n"},
		{guest.RunOptions{User: "root:daemon", Home: "/home/x"}, "0 1 /root /\n"},
	} {
		in := run(t, c.o, sh(`echo $(id -u) $(id -g) $HOME $(pwd); echo x > /dev/stderr`)...)
		in.exit()
		out, errs := in.logs(backends.LogOptions{Tail: -1})
		if out != c.want || errs != "x\n" {
			t.Errorf("%+v: %q and %q, want %q", c.o, out, errs, c.want)
		}
	}
}

func TestGroupsOfTheEntry(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	in := run(t, guest.RunOptions{User: "54321"}, sh(`id -G`)...)
	in.exit()
	if out, _ := in.logs(backends.LogOptions{Tail: -1}); out != "0\n" {
		t.Errorf("groups of a user without an entry: %q", out)
	}
}

func TestHomeOfTheInstancesOwn(t *testing.T) {
	t.Setenv("HOME", "/of/the/instance")
	for keep, want := range map[bool]string{true: "/of/the/instance\n", false: "/else\n"} {
		in := run(t, guest.RunOptions{User: who(54321), Home: "/else", KeepHome: keep}, sh(`echo $HOME`)...)
		in.exit()
		if out, _ := in.logs(backends.LogOptions{Tail: -1}); os.Getuid() == 0 && out != want {
			t.Errorf("keep %v: %q, want %q", keep, out, want)
		}
	}
}

func who(uid int) string {
	if os.Getuid() != 0 {
		return ""
	}
	return strconv.Itoa(uid)
}

func TestBrokenUTF8AndEscapesAreData(t *testing.T) {
	data := ""
	for i := range 256 {
		data += fmt.Sprintf(`\%03o`, i)
	}
	in := plain(t, `printf '`+data+`'; printf '\033[31m\342\202' >&2`)
	in.exit()
	out, errs := in.logs(backends.LogOptions{Tail: -1})
	want := make([]byte, 256)
	for i := range want {
		want[i] = byte(i)
	}
	if out != string(want) || errs != "\x1b[31m\xe2\x82" {
		t.Errorf("got %q and %q", out, errs)
	}
	if raw, _ := os.ReadFile(in.log); bytes.ContainsAny(raw, "\x1b\x00") {
		t.Error("the log itself holds control characters")
	}
}

func TestLogLinesAreShort(t *testing.T) {
	in := plain(t, `head -c 300000 /dev/zero`)
	in.exit()
	raw, _ := os.ReadFile(in.log)
	for line := range bytes.Lines(raw) {
		if len(line) > 12<<10 {
			t.Fatalf("a line of %d bytes", len(line))
		}
	}
	if out, _ := in.logs(backends.LogOptions{Tail: -1}); len(out) != 300000 {
		t.Errorf("%d bytes arrived", len(out))
	}
}
