package guest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

func TestAttachMissesNothing(t *testing.T) {
	in := plain(t, `seq 1 5000; echo oops >&2; read -r x; exit 3`)
	in.eventually("it has printed all", func() bool { _, errs := in.logs(backends.LogOptions{Tail: -1}); return errs != "" })
	a := in.attach(backends.AttachOptions{}, true)
	a.types("x\n")
	a.ends(backends.Ended)
	var want strings.Builder
	for i := range 5000 {
		fmt.Fprintln(&want, i+1)
	}
	if a.out.String() != want.String() || a.err.String() != "oops\n" {
		t.Errorf("%d bytes arrived, want %d, and %q", len(a.out.String()), want.Len(), a.err.String())
	}
	if code := in.exit(); code != 3 {
		t.Errorf("ended with %d", code)
	}
}

func TestAttachWithoutReplaySeesOnlyWhatComes(t *testing.T) {
	in := plain(t, agent)
	in.eventually("it is up", func() bool { out, _ := in.logs(backends.LogOptions{Tail: -1}); return out == "up\n" })
	a := in.attach(backends.AttachOptions{Started: true}, false)
	a.types("hello\n")
	a.sees("heard <hello>\n")
	if got := a.out.String(); got != "heard <hello>\n" {
		t.Errorf("saw %q", got)
	}
}

func TestTheEndOfStdinReachesIt(t *testing.T) {
	in := plain(t, `cat; echo end; exit 4`)
	a := in.attach(backends.AttachOptions{}, true)
	a.types("all of it\n")
	a.keyboard.Close()
	a.ends(backends.Ended)
	if got := a.out.String(); got != "all of it\nend\n" {
		t.Errorf("got %q", got)
	}
	if code := in.exit(); code != 4 {
		t.Errorf("ended with %d", code)
	}
}

func TestStdinThatIsNotKeptIsEmpty(t *testing.T) {
	in := run(t, guest.RunOptions{}, sh(`cat; echo end; sleep 0.5`)...)
	a := in.attach(backends.AttachOptions{}, true)
	a.types(strings.Repeat("nobody reads this\n", 50000)) // more than may be under way
	a.ends(backends.Ended)
	if got := a.out.String(); got != "end\n" {
		t.Errorf("got %q", got)
	}
}

func TestTerminal(t *testing.T) {
	in := terminal(t, `test -t 0 && test -t 1 && test -t 2 && echo terminal; test -w "$(tty)" && echo mine; `+agent)
	a := in.attach(backends.AttachOptions{TTY: true}, true)
	a.sees("terminal\r\nmine\r\n")
	a.types("hello\n")
	a.sees("heard <hello>")
	a.types("quit\n")
	a.ends(backends.Ended)
	if code := in.exit(); code != 5 {
		t.Errorf("ended with %d", code)
	}
}

func TestTerminalBelongsToItsUser(t *testing.T) {
	in := run(t, guest.RunOptions{TTY: true, User: who(1234)}, sh(`echo yes > "$(tty)"`)...)
	in.exit()
	if out, _ := in.logs(backends.LogOptions{Tail: -1}); out != "yes\r\n" {
		t.Errorf("got %q", out)
	}
}

func TestSizeAtOnceAndOnChange(t *testing.T) {
	in := terminal(t, `while :; do stty size; sleep 0.05; done`)
	a := in.attach(backends.AttachOptions{TTY: true}, true)
	a.sees("24 80")
	a.resize <- backends.Size{Rows: 50, Cols: 132}
	a.sees("50 132")
	reader := in.attach(backends.AttachOptions{TTY: true, ReadOnly: true}, false)
	select {
	case reader.resize <- backends.Size{Rows: 5, Cols: 5}:
	case <-time.After(200 * time.Millisecond):
	}
	time.Sleep(200 * time.Millisecond)
	if strings.Contains(a.out.String(), "5 5\r") {
		t.Error("a reader changed the size")
	}
}

func TestDetachKeys(t *testing.T) {
	in := terminal(t, `stty raw -echo; echo up; exec cat -v`)
	for spec, typed := range map[string]string{"": "\x10\x11", "ctrl-a,d": "\x01d"} {
		a := in.attach(backends.AttachOptions{TTY: true, DetachKeys: spec}, true)
		a.sees("up")
		for _, key := range typed {
			a.types(string(key))
		}
		a.ends(backends.Detached)
	}
	a := in.attach(backends.AttachOptions{TTY: true}, true)
	a.types("\x10x")
	a.sees("^Px")
	if got := a.out.String(); strings.Contains(got, "^Q") || strings.Contains(got, "^A") {
		t.Errorf("the keys reached the agent: %q", got)
	}
}

func TestBadDetachKeysAreRefused(t *testing.T) {
	in := terminal(t, agent)
	_, err := guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{TTY: true, DetachKeys: "ctrl-nothing"}, backends.Streams{}, false, func() {})
	if !errors.Is(err, backends.ErrBadRequest) {
		t.Errorf("got %v", err)
	}
}

func TestReadersNeverTypeAndCanDetach(t *testing.T) {
	in := terminal(t, agent)
	writer := in.attach(backends.AttachOptions{TTY: true}, true)
	reader := in.attach(backends.AttachOptions{TTY: true, ReadOnly: true}, true)
	reader.types("forbidden\n")
	writer.types("allowed\n")
	writer.sees("heard <allowed>")
	reader.sees("heard <allowed>")
	reader.types("\x10\x11")
	reader.ends(backends.Detached)
	if strings.Contains(writer.out.String(), "forbidden") {
		t.Error("a reader typed")
	}
}

func TestCancelledLeavesItRunning(t *testing.T) {
	in := terminal(t, agent)
	a := in.attach(backends.AttachOptions{TTY: true}, true)
	a.cancel()
	<-a.done
	if !errors.Is(a.fail, context.Canceled) {
		t.Errorf("got %v", a.fail)
	}
	again := in.attach(backends.AttachOptions{TTY: true}, false)
	again.types("hello\n")
	again.sees("heard <hello>")
}

func TestAKilledClientLeavesItRunning(t *testing.T) {
	in := plain(t, agent)
	a := in.attach(backends.AttachOptions{}, true)
	a.sees("up")
	a.conn.cmd.Process.Kill()
	<-a.done
	if !errors.Is(a.fail, guest.ErrLost) {
		t.Errorf("got %q, %v", a.how, a.fail)
	}
	again := in.attach(backends.AttachOptions{}, false)
	again.types("quit\n")
	again.ends(backends.Ended)
}

func TestAKilledHolderIsLost(t *testing.T) {
	in := plain(t, agent)
	a := in.attach(backends.AttachOptions{}, true)
	in.cmd.Process.Kill()
	<-a.done
	if !errors.Is(a.fail, guest.ErrLost) {
		t.Errorf("got %q, %v", a.how, a.fail)
	}
	if r := in.last(); r.Over() || r.ExitCode != nil {
		t.Errorf("an end is recorded: %+v", r)
	}
}

func TestNoHolderIsNotRunning(t *testing.T) {
	in := plain(t, "true")
	in.exit()
	_, err := guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{Started: true}, backends.Streams{}, false, func() { t.Error("ready") })
	if !errors.Is(err, backends.ErrNotRunning) {
		t.Errorf("Attach: %v", err)
	}
	begin := time.Now()
	if err := guest.Signal(in.ctx(), in.dial(guest.ConnectArgv(program, 300*time.Millisecond)), 9); !errors.Is(err, backends.ErrNotRunning) {
		t.Errorf("Signal: %v", err)
	}
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("it was patient for %s only", took)
	}
}

func TestWaitTellsTheCode(t *testing.T) {
	in := plain(t, `read -r x; exit 6`)
	codes, welcomed := make(chan error, 1), make(chan struct{})
	conn := &answered{ReadWriteCloser: in.dial(guest.ConnectArgv(program, 0)), more: len(wire.Greeting), seen: welcomed}
	go func() {
		code, err := guest.Wait(in.ctx(), conn)
		if err == nil && code != 6 {
			err = fmt.Errorf("Wait says %d", code)
		}
		codes <- err
	}()
	select {
	case <-welcomed: // the agent must not end before somebody waits for it
	case err := <-codes:
		t.Fatal(err)
	}
	a := in.attach(backends.AttachOptions{}, true)
	a.types("x\n")
	if err := <-codes; err != nil {
		t.Error(err)
	}
}

// answered closes seen once more bytes than these were read: the first frame
// behind a greeting.
type answered struct {
	io.ReadWriteCloser
	more int
	seen chan struct{}
}

func (a *answered) Read(p []byte) (int, error) {
	n, err := a.ReadWriteCloser.Read(p)
	if a.more >= 0 && a.more-n < 0 {
		close(a.seen)
	}
	a.more -= n
	return n, err
}

// TestAHundredMegabytesAreWhole lets a client take a lot, from its first byte
// on, as fast as it comes.
func TestAHundredMegabytesAreWhole(t *testing.T) {
	asInstalled(t)
	const size = 100 << 20
	in := plain(t, fmt.Sprintf(`read -r x; head -c %d /dev/zero | tr '\0' x; exit 9`, size))
	h, n := sha256.New(), int64(0)
	r, w := io.Pipe()
	go func() { io.WriteString(w, "go\n") }()
	begin := time.Now()
	how, err := guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{},
		backends.Streams{In: r, Out: writer(func(p []byte) (int, error) { n += int64(len(p)); return h.Write(p) })}, true, func() {})
	if err != nil || how != backends.Ended || n != size {
		t.Fatalf("%q, %v, %d bytes of %d", how, err, n, size)
	}
	t.Logf("100 MiB in %s", time.Since(begin))
	want := sha256.New()
	io.Copy(want, io.LimitReader(same('x'), size))
	if string(h.Sum(nil)) != string(want.Sum(nil)) {
		t.Error("other bytes arrived")
	}
	if code := in.exit(); code != 9 {
		t.Errorf("ended with %d", code)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

type same byte

func (s same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

// TestAStuckClientHoldsNobodyUp has a client that takes nothing while a lot
// is printed: the agent and the other client go on.
func TestAStuckClientHoldsNobodyUp(t *testing.T) {
	in := plain(t, `read -r x; head -c 41943040 /dev/zero; echo done; read -r x`)
	stuck := make(chan struct{})
	failed := make(chan error, 1)
	joined := make(chan struct{})
	go func() {
		_, err := guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{ReadOnly: true},
			backends.Streams{Out: writer(func(p []byte) (int, error) { <-stuck; return len(p), nil })}, false, func() { close(joined) })
		failed <- err
	}()
	<-joined
	n, all := 0, make(chan struct{})
	r, w := io.Pipe()
	begin := time.Now()
	go guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{}, backends.Streams{In: r, Out: writer(func(p []byte) (int, error) {
		if n += len(p); n == 40<<20+len("done\n") {
			close(all)
		}
		return len(p), nil
	})}, false, func() { go io.WriteString(w, "go\n") })
	select {
	case <-all:
	case <-time.After(patience):
		t.Error("the other client does not get it all")
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	close(stuck)
	if err := <-failed; !errors.Is(err, guest.ErrLost) {
		t.Errorf("the stuck client: %v", err)
	}
}

// TestASignalDoesNotWaitForASlowClient has the agent held up by a client that
// takes just enough, and ends it.
func TestASignalDoesNotWaitForASlowClient(t *testing.T) {
	in := plain(t, `read -r x; trap 'exit 7' TERM; cat /dev/zero & wait`)
	r, w := io.Pipe()
	slow := make(chan struct{})
	defer close(slow)
	go guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{}, backends.Streams{In: r, Out: writer(func(p []byte) (int, error) {
		select {
		case <-slow:
		case <-time.After(time.Duration(len(p)) * time.Second / (512 << 10)):
		}
		return len(p), nil
	})}, false, func() { go io.WriteString(w, "go\n") })
	time.Sleep(1500 * time.Millisecond) // its queue is full, and the holder waits
	begin := time.Now()
	if err := guest.Signal(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), 15); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the signal took %s", took)
	}
}
