package guest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

func idle(t *testing.T) *instance {
	t.Helper()
	return run(t, guest.RunOptions{}, sh("trap 'exit 0' TERM; while :; do sleep 0.1; done")...)
}

func TestExecCodesAreResults(t *testing.T) {
	in := idle(t)
	for _, want := range []int{0, 1, 2, 125, 126, 127, 130, 255} {
		if code, _, _ := in.exec(backends.Command{Argv: sh("exit " + strconv.Itoa(want))}, ""); code != want {
			t.Errorf("exit %d arrives as %d", want, code)
		}
	}
	if code, _, _ := in.exec(backends.Command{Argv: sh("kill -9 $$")}, ""); code != 137 {
		t.Errorf("killed by 9 arrives as %d", code)
	}
}

func TestExecOfWhatIsNot(t *testing.T) {
	in := idle(t)
	script := t.TempDir() + "/script"
	os.WriteFile(script, []byte("#!/no/such/shell\n"), 0o755)
	for _, c := range []struct {
		cmd  backends.Command
		want error
	}{
		{backends.Command{Argv: []string{"no-such-command"}}, backends.ErrCommandNotFound},
		{backends.Command{Argv: []string{"/no/such/command"}}, backends.ErrCommandNotFound},
		{backends.Command{Argv: []string{script}}, backends.ErrCommandNotFound},
		{backends.Command{Argv: []string{"/etc/hostname/x"}}, backends.ErrCommandNotFound},
		{backends.Command{Argv: []string{"/tmp"}}, backends.ErrNotExecutable},
		{backends.Command{Argv: []string{"/etc/passwd"}}, backends.ErrNotExecutable},
		{backends.Command{Argv: []string{"true"}, Workdir: "/no/such/folder"}, backends.ErrBadRequest},
		{backends.Command{Argv: []string{"true"}, User: "no-such-user"}, backends.ErrBadRequest},
		{backends.Command{Argv: []string{"true", strings.Repeat("x", 3<<20)}}, backends.ErrBadRequest},
		{backends.Command{Argv: []string{"true", "a\x00b"}}, backends.ErrBadRequest},
		{backends.Command{Argv: []string{"true"}, Env: []string{"A=a\x00b"}}, backends.ErrBadRequest},
		{backends.Command{Argv: nil}, backends.ErrBadRequest},
	} {
		_, err := guest.Exec(in.ctx(), in.dial(guest.ServeArgv(program)), c.cmd, backends.Streams{})
		if !errors.Is(err, c.want) {
			t.Errorf("%.60q: got %v, want %v", c.cmd.Argv, err, c.want)
		}
	}
}

func TestExecWordsArriveAsTheyAre(t *testing.T) {
	in := idle(t)
	hostile := []string{"", " ", "a b", "$(reboot)", "'\"\\", "-n", "ü€\U0001F600", "a\nb", "\x1b[31m", "\xff\xfe broken", "=", "K=V"}
	_, out, _ := in.exec(backends.Command{Argv: append(sh(`printf '%s\0' "$@"`), append([]string{"name"}, hostile...)...)}, "")
	if want := strings.Join(hostile, "\x00") + "\x00"; out != want {
		t.Errorf("argv arrived as %q", out)
	}
	for _, v := range hostile {
		if _, out, _ := in.exec(backends.Command{Argv: sh(`printf %s "$V"`), Env: []string{"V=" + v}}, ""); out != v {
			t.Errorf("the value %q arrived as %q", v, out)
		}
	}
}

func TestExecHasTheInstancesEnvironment(t *testing.T) {
	t.Setenv("A", "of the instance")
	t.Setenv("B", "of the instance")
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	os.Chmod(filepath.Dir(dir), 0o755) // the agent is somebody else
	in := run(t, guest.RunOptions{Workdir: dir, User: who(1234), Home: "/its/home"}, "sleep", "3600")
	os.Unsetenv("A")
	os.Unsetenv("B")
	code, out, _ := in.exec(backends.Command{Argv: sh(`echo "$A, $B, $HOME, $(id -u), $(pwd), $BOT_BOTTLE_GUEST_NAME"`), Env: []string{"B=of the command"}}, "")
	if want := "of the instance, of the command, /its/home, " + strconv.Itoa(max(1234*b2i(os.Getuid() == 0), os.Getuid())) + ", " + dir + ", \n"; code != 0 || out != want {
		t.Errorf("got %d, %q, want %q", code, out, want)
	}
	if os.Getuid() == 0 {
		if _, out, _ := in.exec(backends.Command{Argv: sh(`echo $HOME $(id -u)`), User: "root"}, ""); out != "/root 0\n" {
			t.Errorf("as root: %q", out)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestExecStdin(t *testing.T) {
	in := idle(t)
	if code, out, _ := in.exec(backends.Command{Argv: sh("cat; echo end"), Stdin: true}, "one\ntwo\n"); code != 0 || out != "one\ntwo\nend\n" {
		t.Errorf("got %d, %q", code, out)
	}
	if code, out, errs := in.exec(backends.Command{Argv: sh("cat; echo end; echo err >&2")}, ""); code != 0 || out != "end\n" || errs != "err\n" {
		t.Errorf("without: %d, %q, %q", code, out, errs)
	}
	big := make([]byte, 5<<20)
	for i := range big {
		big[i] = byte(i * 31 >> 3)
	}
	if code, out, _ := in.exec(backends.Command{Argv: []string{"cat"}, Stdin: true}, string(big)); code != 0 || out != string(big) {
		t.Errorf("5 MiB through cat: %d, %d bytes", code, len(out))
	}
	// More than the window and the pipe hold, to a command that reads nothing.
	begin := time.Now()
	if code, out, _ := in.exec(backends.Command{Argv: sh("sleep 0.3; echo hello"), Stdin: true}, string(big)); code != 0 || out != "hello\n" {
		t.Errorf("unread: %d, %q", code, out)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("an unread stdin held it for %s", took)
	}
}

func TestExecWithABrokenInputIsKilled(t *testing.T) {
	in := idle(t)
	broken := errors.New("broken")
	_, err := guest.Exec(in.ctx(), in.dial(guest.ServeArgv(program)), backends.Command{Argv: sh("cat >/dev/null; sleep 3600"), Stdin: true},
		backends.Streams{In: io.MultiReader(strings.NewReader("half"), failing{broken})})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestExecOfAReaderThatLeft(t *testing.T) {
	in := idle(t)
	broken := errors.New("broken pipe")
	_, err := guest.Exec(in.ctx(), in.dial(guest.ServeArgv(program)), backends.Command{Argv: []string{"yes"}},
		backends.Streams{Out: writer(func([]byte) (int, error) { return 0, broken })})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestExecTerminal(t *testing.T) {
	in := idle(t)
	resize := make(chan backends.Size, 1)
	var out heard
	ctx, cancel := context.WithCancel(in.ctx())
	r, w := io.Pipe()
	defer w.Close()
	done := make(chan error, 1)
	go func() {
		_, err := guest.Exec(ctx, in.dial(guest.ServeArgv(program)), backends.Command{TTY: true, Stdin: true, Size: backends.Size{Rows: 10, Cols: 20},
			Argv: sh(`test -t 0 && test -t 2 && echo terminal $TERM; while :; do stty size; sleep 0.05; done`)}, backends.Streams{In: r, Out: &out, Resize: resize})
		done <- err
	}()
	in.eventually("it has its size", func() bool { return strings.Contains(out.String(), "10 20\r\n") })
	if got := out.String(); !strings.HasPrefix(got, "terminal xterm\r\n10 20\r\n") && os.Getenv("TERM") == "" {
		t.Errorf("it printed %q", got)
	}
	resize <- backends.Size{Rows: 50, Cols: 132}
	in.eventually("it is resized", func() bool { return strings.Contains(out.String(), "50 132") })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestExecCancelledKillsTheGroup(t *testing.T) {
	in := idle(t)
	ctx, cancel := context.WithCancel(in.ctx())
	var out heard
	go func() {
		for !strings.Contains(out.String(), "\n") && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	begin := time.Now()
	_, err := guest.Exec(ctx, in.dial(guest.ServeArgv(program)), backends.Command{Argv: sh(`trap '' TERM HUP INT; sleep 3600 & echo $!; wait`)}, backends.Streams{Out: &out})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("back after %s", took)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(out.String()))
	in.eventually("the grandchild is dead", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return pid > 0 && (err != nil || strings.Contains(string(stat), ") Z "))
	})
}

// TestExecCancelledKillsTheSession has a job in a group of its own, as a shell
// on a terminal makes them.
func TestExecCancelledKillsTheSession(t *testing.T) {
	in := idle(t)
	ctx, cancel := context.WithCancel(in.ctx())
	var out heard
	done := make(chan error, 1)
	go func() {
		_, err := guest.Exec(ctx, in.dial(guest.ServeArgv(program)), backends.Command{TTY: true, Argv: []string{"bash", "-c", `set -m; (trap '' HUP TERM INT; echo job $BASHPID; sleep 3600) & wait`}}, backends.Streams{Out: &out})
		done <- err
	}()
	in.eventually("the job runs", func() bool { return strings.Contains(out.String(), "\n") })
	var pid int
	fmt.Sscanf(out.String(), "job %d", &pid)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	in.eventually("the job is dead", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return pid > 0 && (err != nil || strings.Contains(string(stat), ") Z "))
	})
}

func TestExecEndsThoughAChildHoldsItsOutput(t *testing.T) {
	in := idle(t)
	begin := time.Now()
	code, out, _ := in.exec(backends.Command{Argv: sh(`sleep 20 & echo $!`)}, "")
	if took := time.Since(begin); took > 8*time.Second || code != 0 || out == "" {
		t.Errorf("%d, %q after %s", code, out, took)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(out))
	syscall.Kill(pid, syscall.SIGKILL)
}

func TestExecDetached(t *testing.T) {
	in := idle(t)
	file := t.TempDir() + "/done"
	code, err := guest.Exec(in.ctx(), in.dial(guest.ServeArgv(program)), backends.Command{Detach: true, Argv: sh("sleep 0.3; echo yes > " + file)}, backends.Streams{})
	if code != 0 || err != nil {
		t.Fatalf("got %d, %v", code, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it was waited for")
	}
	in.eventually("it goes on", func() bool { b, _ := os.ReadFile(file); return string(b) == "yes\n" })
}

func TestExecManyAtOnce(t *testing.T) {
	in := idle(t)
	var wg sync.WaitGroup
	for i := range 8 {
		conn := in.dial(guest.ServeArgv(program))
		wg.Go(func() {
			var out heard
			want := strings.Repeat(strconv.Itoa(i), 100) + "\n"
			code, err := guest.Exec(in.ctx(), conn, backends.Command{Argv: sh("sleep 0.2; echo " + want + "exit " + strconv.Itoa(i))}, backends.Streams{Out: &out})
			if err != nil || code != i || out.String() != want {
				t.Errorf("command %d: %d, %v, %q", i, code, err, out.String())
			}
		})
	}
	wg.Wait()
}

func TestExecWithoutAHolder(t *testing.T) {
	in := idle(t)
	in.cmd.Process.Signal(syscall.SIGTERM)
	in.exit()
	if code, out, _ := in.exec(backends.Command{Argv: sh(`echo $PATH; pwd`)}, ""); code != 0 || !strings.HasSuffix(out, "\n/\n") {
		t.Errorf("got %d, %q", code, out)
	}
}
