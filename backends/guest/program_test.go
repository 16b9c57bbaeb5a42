package guest_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// TestAnImageWithNothingInIt runs the program where there is no file but it.
func TestAnImageWithNothingInIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can change its root folder")
	}
	asInstalled(t)
	root := t.TempDir()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(root, guest.ProgramName), text, 0o755)
	os.Mkdir(filepath.Join(root, "dev"), 0o755)
	if err := syscall.Mknod(filepath.Join(root, "dev/null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Skipf("no devices here: %v", err)
	}
	// The agent is the program itself, which has nothing to do.
	argv := guest.RunArgv("/"+guest.ProgramName, guest.RunOptions{User: "1000:1000", Home: "/home/agent", Workdir: "/its/folder"}, []string{"/" + guest.ProgramName})
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Path, cmd.Env = "/"+guest.ProgramName, []string{"BOT_BOTTLE_GUEST_NAME=nothing-" + strconv.Itoa(os.Getpid())}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	os.Chmod(filepath.Dir(root), 0o755)
	os.Chmod(root, 0o755)
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r, err := guest.LastRun(strings.NewReader(string(out)))
	if err != nil || r.Err != nil || r.ExitCode == nil || *r.ExitCode != 2 || cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("%+v, %v, %s", r, err, out)
	}
	var errs strings.Builder
	guest.ReadLog(strings.NewReader(string(out)), backends.LogOptions{Tail: -1}, nil, &errs)
	if !strings.Contains(errs.String(), "there is no mode") {
		t.Errorf("the agent said %q", errs.String())
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"fly"}, {"run"}, {"run", "--"}, {"run", "--fly", "--", "x"}, {"connect", "soon"}, {"connect", "-1"}, {"serve", "x"}} {
		out, err := exec.Command(program, args...).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "usage:") {
			t.Errorf("%q: %v, %q", args, err, out)
		}
	}
}

// TestIdle holds an idle holder with a client to no CPU at all and little
// memory.
func TestIdle(t *testing.T) {
	asInstalled(t)
	in := plain(t, `exec sleep 3600`)
	in.attach(backends.AttachOptions{}, false)
	time.Sleep(300 * time.Millisecond)
	before := ticks(t, in.cmd.Process.Pid)
	time.Sleep(2 * time.Second)
	if spent := ticks(t, in.cmd.Process.Pid) - before; spent > 0 {
		t.Errorf("%d ticks in 2 s", spent)
	}
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(in.cmd.Process.Pid) + "/status")
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			t.Logf("RSS %d kB", n)
			if n > 15<<10 {
				t.Errorf("%d kB of memory", n)
			}
		}
	}
}

// ticks is the CPU time of a process, proc_pid_stat(5).
func ticks(t *testing.T, pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return user + system
}

// BenchmarkEcho measures a line there and back through terminal, holder,
// client and pipes.
func BenchmarkEcho(b *testing.B) {
	in := run(b, guest.RunOptions{TTY: true, Stdin: true}, sh(`stty raw -echo; echo up; exec cat`)...)
	heard := make(chan struct{}, 1000)
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(in.ctx())
	done := make(chan struct{})
	go func() {
		defer close(done)
		guest.Attach(ctx, in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{TTY: true},
			backends.Streams{In: r, Out: writer(func(p []byte) (int, error) { heard <- struct{}{}; return len(p), nil })}, true, func() {})
	}()
	<-heard // it is up
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		io.WriteString(w, "x")
		<-heard
		took = append(took, time.Since(begin))
	}
	cancel()
	<-done
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}
