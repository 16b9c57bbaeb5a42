package guest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// socket connects to a holder without its client.
func (in *instance) socket() net.Conn {
	in.t.Helper()
	var c net.Conn
	in.eventually("the holder takes a connection", func() (ok bool) {
		var err error // a full backlog is EAGAIN for who does not wait
		c, err = net.Dial("unix", "@bot-bottle/"+in.name)
		return err == nil
	})
	in.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func TestTwoHundredConnectionsAreBounded(t *testing.T) {
	in := plain(t, agent)
	var served, refused atomic.Int32
	var wg sync.WaitGroup
	hold := make(chan struct{})
	answered := make(chan struct{}, 200)
	for range 200 {
		c := in.socket()
		wg.Go(func() {
			defer c.Close()
			wire.NewWriter(c).SendJSON(wire.KindRequest, wire.Request{Op: wire.OpWait})
			if err := wire.Greet(c); err != nil {
				t.Error(err)
			}
			f, err := wire.NewReader(c).Next()
			switch {
			case err == nil && f.Kind == wire.KindWelcome:
				served.Add(1)
			case err == nil && f.Kind == wire.KindFailure:
				var why wire.Failure
				if f.Decode(&why) == nil && errors.Is(why.Err(), backends.ErrInUse) {
					refused.Add(1)
				}
			default:
				t.Errorf("%q, %v", f.Kind, err)
			}
			answered <- struct{}{}
			if err == nil && f.Kind == wire.KindWelcome {
				<-hold
			}
		})
	}
	for range 200 {
		<-answered
	}
	if served.Load() != 64 || refused.Load() != 136 {
		t.Errorf("%d served, %d refused", served.Load(), refused.Load())
	}
	_, err := guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{}, backends.Streams{}, false, func() {})
	if !errors.Is(err, backends.ErrInUse) {
		t.Errorf("one more: %v", err)
	}
	if code, out, _ := in.exec(backends.Command{Argv: sh("echo still")}, ""); code != 0 || out != "still\n" {
		t.Errorf("a command besides: %d, %q", code, out)
	}
	close(hold)
	wg.Wait()
	in.eventually("there is room again", func() bool {
		code, err := 0, guest.Signal(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), 0)
		return code == 0 && err == nil
	})
}

func TestHostileClientsAreCutOff(t *testing.T) {
	in := plain(t, `sleep 3600`)
	request := wire.Append(nil, wire.KindRequest, []byte(`{"Op":"attach"}`))
	for name, send := range map[string][]byte{
		"rubbish":            []byte(strings.Repeat("GET / HTTP/1.1\r\n", 100)),
		"a huge frame":       {wire.KindRequest, 0xff, 0xff, 0xff, 0xff},
		"no JSON":            wire.Append(nil, wire.KindRequest, []byte("{")),
		"another first":      wire.Append(nil, wire.KindIn, []byte("x")),
		"a second request":   append(request, request...),
		"a guest's frame":    append(request, wire.Append(nil, wire.KindExit, []byte("{}"))...),
		"a size of nothing":  append(request, wire.Append(nil, wire.KindSize, nil)...),
		"more than it may":   append(request, []byte(strings.Repeat(string(wire.Append(nil, wire.KindIn, make([]byte, wire.MaxData))), 20))...),
		"half a frame, left": request[:7],
	} {
		t.Run(name, func(t *testing.T) {
			c := in.socket()
			go func() { // it may stop reading in the middle
				c.Write(send)
				c.(*net.UnixConn).CloseWrite()
			}()
			b, err := io.ReadAll(c)
			if os.IsTimeout(err) || strings.Count(string(b), `"code"`) > 0 {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
	for _, op := range []string{"exec", "copy-in", "", "\x1b[31m"} {
		c := in.socket()
		wire.NewWriter(c).SendJSON(wire.KindRequest, wire.Request{Op: op, Path: []byte("/")})
		b, _ := io.ReadAll(c)
		if !strings.Contains(string(b), "bad-request") {
			t.Errorf("%q: %q", op, b)
		}
	}
	a := in.attach(backends.AttachOptions{}, false)
	a.cancel()
	<-a.done
}

func TestAnotherUserIsNotServed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	in := plain(t, agent)
	cmd := exec.Command(program, "connect")
	cmd.Env = in.env()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	cmd.Stdin = strings.NewReader(string(wire.Append(nil, wire.KindRequest, []byte(`{"Op":"env"}`))))
	out, err := cmd.CombinedOutput()
	if strings.TrimSpace(string(out)) != "" {
		t.Errorf("it heard %q, %v", out, err)
	}
	if in.logsContain("1234") {
		t.Error("it was heard")
	}
}

func (in *instance) logsContain(s string) bool {
	b, _ := os.ReadFile(in.log)
	return strings.Contains(string(b), s)
}

// TestAStrangersSocketIsNotTrusted has somebody else answer under the name of
// the holder.
func TestAStrangersSocketIsNotTrusted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	in := &instance{t: t, name: fmt.Sprintf("stranger-%d", os.Getpid())}
	argv := guest.RunArgv(program, guest.RunOptions{}, []string{"sleep", "3600"})
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = in.env()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Signal(syscall.SIGTERM); io.Copy(io.Discard, stdout); cmd.Wait() }()
	records := wire.NewRecords(stdout)
	for rec, err := records.Next(); rec.Started == nil; rec, err = records.Next() {
		if err != nil {
			t.Fatal(err)
		}
	}
	err = guest.Signal(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), 9)
	if err == nil || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("got %v", err)
	}
	if err := syscall.Kill(cmd.Process.Pid, 0); err != nil {
		t.Errorf("the stranger was spoken to: %v", err)
	}
}

// TestAHostileGuest has something else in the place of the guest program.
func TestAHostileGuest(t *testing.T) {
	for name, says := range map[string]string{
		"chatter":        "the container is not running\n",
		"another":        "bot-bottle holder/9\n",
		"nothing":        "",
		"a cut frame":    wire.Greeting + "w\x00\x00",
		"a huge frame":   wire.Greeting + "1\xff\xff\xff\xff",
		"no frame":       wire.Greeting + "????????",
		"no JSON":        wire.Greeting + "w\x00\x00\x00\x01{",
		"taken too much": wire.Greeting + "w\x00\x00\x00\x02{}t\x00\x00\x00\x04\x00\x00\x00\x01",
		"a bad code":     wire.Greeting + "w\x00\x00\x00\x02{}x\x00\x00\x00\x0b{\"code\":-1}",
		"its own frame":  wire.Greeting + "w\x00\x00\x00\x02{}q\x00\x00\x00\x02{}",
	} {
		t.Run(name, func(t *testing.T) {
			host, other := net.Pipe()
			go io.Copy(io.Discard, other)
			go func() { io.WriteString(other, says); other.Close() }()
			_, err := guest.Exec(t.Context(), host, backends.Command{Argv: []string{"true"}}, backends.Streams{})
			if err == nil {
				t.Error("it was believed")
			}
			if !errors.Is(err, guest.ErrLost) && !errors.Is(err, wire.ErrFrame) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestMissedIsBounded: of a long story the end is replayed, all of it is in
// the log.
func TestALongStoryIsReplayedFromItsEnd(t *testing.T) {
	in := plain(t, `seq 1 1200000; read -r x`)
	in.eventually("it has printed all", func() bool {
		b, err := os.ReadFile(in.log)
		return err == nil && len(b) > 8<<20 && func() bool { out, _ := in.logs(backends.LogOptions{Tail: 1}); return out == "1200000\n" }()
	})
	a := in.attach(backends.AttachOptions{}, true)
	a.sees("1200000\n")
	if n := len(a.out.String()); n > 4<<20 || n < 3<<20 {
		t.Errorf("%d bytes were replayed", n)
	}
	if out, _ := in.logs(backends.LogOptions{Tail: -1}); !strings.HasPrefix(out, "1\n2\n") || len(out) < 8<<20 {
		t.Errorf("%d bytes in the log", len(out))
	}
}
