package guest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// program is the guest program that the tests run: static, as it is installed,
// unless the tests are looked at by the race detector.
var program, static string

// raced says that the race detector is on.
var raced bool

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "guest-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		os.Chmod(dir, 0o755) // other users run it, too
		static = filepath.Join(dir, "static", guest.ProgramName)
		program = static
		err = build(static, "CGO_ENABLED=0")
		if raced && err == nil {
			program = filepath.Join(dir, "raced", guest.ProgramName)
			err = build(program, "CGO_ENABLED=1", "-race")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func build(to, env string, args ...string) error {
	cmd := exec.Command("go", append(append([]string{"build"}, args...), "-o", to, "./bot-bottle-guest")...)
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the guest program: %w\n%s", err, out)
	}
	return nil
}

// asInstalled lets a test run the program as it is installed in any case, for
// what the race detector is too slow or too big for.
func asInstalled(t testing.TB) {
	usual := program
	program = static
	t.Cleanup(func() { program = usual })
}

// patience is how long anything may take here.
const patience = 30 * time.Second

// pipes are a process's stdin and stdout as a connection.
type pipes struct {
	io.Reader
	io.WriteCloser
	cmd   *exec.Cmd
	close func() error
	err   *heard
}

func (p *pipes) Close() error { return p.close() }

// instance is a holder that runs on this host.
type instance struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	log  string // a file
	done chan struct{}
}

// run starts a holder in the place of an instance's main process.
func run(t testing.TB, o guest.RunOptions, argv ...string) *instance {
	t.Helper()
	return runOn(t, nil, o, argv...)
}

// runOn is run with a stdin for the holder.
func runOn(t testing.TB, stdin io.Reader, o guest.RunOptions, argv ...string) *instance {
	t.Helper()
	var id [8]byte
	rand.Read(id[:])
	in := &instance{t: t, name: hex.EncodeToString(id[:]), log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	full := guest.RunArgv(program, o, argv)
	in.cmd = exec.Command(full[0], full[1:]...)
	in.cmd.Env, in.cmd.Stdin = in.env(), stdin
	log, err := os.Create(in.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	in.cmd.Stdout, in.cmd.Stderr = log, os.Stderr
	if err := in.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { in.cmd.Wait(); close(in.done) }()
	t.Cleanup(func() {
		select {
		case <-in.done:
			return
		default:
		}
		if r, err := guest.LastRun(in.open()); err == nil && r.PID > 0 && !r.Over() {
			syscall.Kill(r.PID, syscall.SIGKILL)
		}
		in.cmd.Process.Kill()
		<-in.done
	})
	in.eventually("the run begins", func() bool {
		r, err := guest.LastRun(in.open())
		return err == nil && (!r.Started.IsZero() || r.Over())
	})
	return in
}

func (in *instance) env() []string {
	return append(os.Environ(), "BOT_BOTTLE_GUEST_NAME="+in.name)
}

func (in *instance) open() io.Reader {
	b, err := os.ReadFile(in.log)
	if err != nil {
		in.t.Fatal(err)
	}
	return bytes.NewReader(b)
}

// exit waits for the end of the holder.
func (in *instance) exit() int {
	in.t.Helper()
	select {
	case <-in.done:
	case <-time.After(patience):
		in.t.Fatal("the holder does not end")
	}
	return in.cmd.ProcessState.ExitCode()
}

// dial runs a mode of the guest program as an engine's exec would.
func (in *instance) dial(argv []string) *pipes {
	in.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = in.env()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		in.t.Fatal(err)
	}
	stdout, w, err := os.Pipe()
	if err != nil {
		in.t.Fatal(err)
	}
	p := &pipes{Reader: stdout, WriteCloser: stdin, cmd: cmd, err: &heard{}}
	cmd.Stdout, cmd.Stderr = w, p.err
	if err := cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	w.Close()
	var once sync.Once
	p.close = func() error {
		once.Do(func() {
			stdin.Close()
			stdout.Close()
		})
		return nil
	}
	over := make(chan struct{})
	go func() { cmd.Wait(); close(over) }()
	in.t.Cleanup(func() {
		p.close()
		select {
		case <-over:
		case <-time.After(5 * time.Second):
			in.t.Errorf("%q does not end when its host leaves", argv[1])
			cmd.Process.Kill()
		}
	})
	return p
}

func (in *instance) ctx() context.Context {
	ctx, cancel := context.WithTimeout(in.t.Context(), patience)
	in.t.Cleanup(cancel)
	return ctx
}

// exec runs a command in the instance.
func (in *instance) exec(cmd backends.Command, stdin string) (code int, out, errs string) {
	in.t.Helper()
	var o, e heard
	s := backends.Streams{Out: &o, Err: &e}
	if cmd.Stdin {
		s.In = strings.NewReader(stdin)
	}
	code, err := guest.Exec(in.ctx(), in.dial(guest.ServeArgv(program)), cmd, s)
	if err != nil {
		in.t.Fatalf("Exec: %v", err)
	}
	return code, o.String(), e.String()
}

func (in *instance) eventually(what string, ok func() bool) {
	in.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			in.t.Fatalf("never: %s", what)
		}
	}
}

// attached is an attachment under way.
type attached struct {
	in       *instance
	conn     *pipes
	keyboard *io.PipeWriter
	resize   chan backends.Size
	out, err heard
	cancel   context.CancelFunc
	done     chan struct{}
	how      backends.Detachment
	fail     error
}

func (in *instance) attach(o backends.AttachOptions, replay bool) *attached {
	in.t.Helper()
	ctx, cancel := context.WithCancel(in.ctx())
	r, w := io.Pipe()
	a := &attached{in: in, conn: in.dial(guest.ConnectArgv(program, 0)), keyboard: w, resize: make(chan backends.Size, 1), cancel: cancel, done: make(chan struct{})}
	s := backends.Streams{In: r, Out: &a.out, Err: &a.err}
	if o.TTY {
		a.resize <- backends.Size{Rows: 24, Cols: 80}
		s.Resize = a.resize
	}
	ready := make(chan struct{})
	go func() {
		defer close(a.done)
		a.how, a.fail = guest.Attach(ctx, a.conn, o, s, replay, func() { close(ready) })
	}()
	in.t.Cleanup(func() { cancel(); w.Close(); <-a.done })
	select {
	case <-ready:
	case <-a.done:
		in.t.Fatalf("Attach: %v", a.fail)
	case <-time.After(patience):
		in.t.Fatal("Attach is never ready")
	}
	return a
}

func (a *attached) types(s string) {
	a.in.t.Helper()
	if _, err := io.WriteString(a.keyboard, s); err != nil {
		a.in.t.Fatal(err)
	}
}

func (a *attached) sees(part string) {
	a.in.t.Helper()
	a.in.eventually(fmt.Sprintf("the client sees %q", part), func() bool { return strings.Contains(a.out.String(), part) })
}

func (a *attached) ends(want backends.Detachment) {
	a.in.t.Helper()
	select {
	case <-a.done:
	case <-time.After(patience):
		a.in.t.Fatal("Attach does not come back")
	}
	if a.how != want || a.fail != nil {
		a.in.t.Errorf("Attach returned %q, %v, want %q", a.how, a.fail, want)
	}
}

// heard collects what several goroutines print.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *heard) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *heard) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func sh(script string) []string { return []string{"sh", "-c", script} }
