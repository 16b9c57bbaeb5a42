package guest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// picture is a terminal screen that a shell paints: colours, a title, a wide
// character, another screen, modes, and a cursor that stays where it is put.
const picture = `printf '\033]0;the title\007\033[31mred\033[0m plain 漢字\r\n\033[1;4munder\033[0m';
	printf '\033[?1049h\033[3;5Hother\033[?2004h\033[?1h\033[7;9H'; sleep 600`

func (in *instance) shot(styled bool) (guest.Status, string) {
	in.t.Helper()
	s, text, err := guest.Screen(in.ctx(), in.dial(guest.ConnectArgv(program, time.Second)), styled)
	if err != nil {
		in.t.Fatalf("Screen: %v", err)
	}
	return s, string(text)
}

func (in *instance) look() guest.Status {
	in.t.Helper()
	s, err := guest.Look(in.ctx(), in.dial(guest.ConnectArgv(program, time.Second)))
	if err != nil {
		in.t.Fatalf("Look: %v", err)
	}
	return s
}

func (in *instance) send(text string, o guest.SendOptions) {
	in.t.Helper()
	if err := guest.Send(in.ctx(), in.dial(guest.ConnectArgv(program, time.Second)), strings.NewReader(text), o); err != nil {
		in.t.Fatalf("Send: %v", err)
	}
}

// TestAttachAgainShowsTheSame: everybody who comes sees the screen as it is,
// whatever their terminal showed before.
func TestAttachAgainShowsTheSame(t *testing.T) {
	in := terminal(t, picture)
	in.eventually("the picture is there", func() bool { _, text := in.shot(false); return strings.Contains(text, "other") })
	first, text := in.shot(false)
	if first.Title != "the title" || first.Row != 6 || first.Col != 8 || strings.Contains(text, "red") {
		t.Errorf("it shows %+v\n%s", first, text)
	}
	for range 2 {
		a := in.attach(backends.AttachOptions{TTY: true, Started: true}, false)
		a.sees("other")
		mine := screen.New(24, 80, screen.Options{})
		io.WriteString(mine, "what was there before\033[?1000h\033[5;9r\033[33m")
		in.eventually("the redraw is whole", func() bool {
			again := screen.New(24, 80, screen.Options{})
			again.Write([]byte(a.out.String()))
			row, col, _ := again.Cursor()
			return row == first.Row && col == first.Col
		})
		mine.Write([]byte(a.out.String()))
		if got := strings.Join(mine.Text(), "\n") + "\n"; got != text {
			t.Errorf("a client sees\n%s\nwant\n%s", got, text)
		}
		if mine.Title() != "the title" || !mine.Mode(2004) || !mine.Mode(1) || mine.Mode(1000) {
			t.Errorf("title %q, modes %v %v %v", mine.Title(), mine.Mode(2004), mine.Mode(1), mine.Mode(1000))
		}
		io.WriteString(mine, "\033[?1049l")
		if got := mine.Text(); got[0] != "red plain 漢字" || got[1] != "under" {
			t.Errorf("behind it is %q", got[:2])
		}
		a.types("\x10\x11")
		a.ends(backends.Detached)
	}
}

func TestStyledScreenDrivesNoTerminal(t *testing.T) {
	in := terminal(t, `printf '\033[31mred\033[0m \033]0;t\007\033[5;5Hx\033[?25l'; sleep 600`)
	in.eventually("all is there", func() bool { _, text := in.shot(false); return strings.Contains(text, "x") })
	_, text := in.shot(true)
	if !strings.Contains(text, "31m") || strings.Contains(text, "H") || strings.Contains(text, "\x1b]") || strings.Contains(text, "?") {
		t.Errorf("styled: %q", text)
	}
}

// TestSizeFollowsTheOneWhoTypes: of several the one who typed last has his
// size; who watches never has.
func TestSizeFollowsTheOneWhoTypes(t *testing.T) {
	in := terminal(t, `stty -echo; while read -r x; do echo "$x: $(stty size)"; done`)
	size := func(rows, cols uint16) chan backends.Size {
		c := make(chan backends.Size, 1)
		c <- backends.Size{Rows: rows, Cols: cols}
		return c
	}
	join := func(o backends.AttachOptions, sizes chan backends.Size) (io.Writer, *heard) {
		r, w := io.Pipe()
		out := &heard{}
		ready := make(chan struct{})
		go guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), o, backends.Streams{In: r, Out: out, Resize: sizes}, false, func() { close(ready) })
		<-ready
		return w, out
	}
	sees := func(h *heard, want string) {
		t.Helper()
		in.eventually(want, func() bool { return strings.Contains(h.String(), want) })
	}
	tty := backends.AttachOptions{TTY: true, Started: true}
	one, oneOut := join(tty, size(30, 100))
	io.WriteString(one, "alone\n")
	sees(oneOut, "alone: 30 100")
	two, twoOut := join(tty, size(20, 60))
	watch := tty
	watch.ReadOnly = true
	_, _ = join(watch, size(5, 5))
	io.WriteString(one, "still\n")
	sees(twoOut, "still: 30 100")
	io.WriteString(two, "now\n")
	in.eventually("the size is the second's", func() bool { return in.look().Size == backends.Size{Rows: 20, Cols: 60} })
	io.WriteString(two, "two\n")
	sees(oneOut, "two: 20 60")
	io.WriteString(one, "back\n")
	in.eventually("the size is the first's", func() bool { return in.look().Size == backends.Size{Rows: 30, Cols: 100} })
}

func TestSend(t *testing.T) {
	in := terminal(t, `stty raw -echo; printf '\033[?2004hup'; exec cat -v`)
	in.eventually("it is up", func() bool { _, text := in.shot(false); return strings.Contains(text, "up") })
	in.send("one", guest.SendOptions{Enter: true})
	in.send("t\x1b[201~wo", guest.SendOptions{Paste: true, Enter: true})
	want := "up" + "one^M" + "^[[200~t[201~wo^[[201~^M"
	in.eventually("it was typed", func() bool { _, text := in.shot(false); return strings.Contains(text, want) })
	if err := guest.Send(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), io.MultiReader(strings.NewReader("half"), failing{io.ErrUnexpectedEOF}), guest.SendOptions{Enter: true}); err == nil {
		t.Error("a text that cannot be read to its end was sent")
	}
}

func TestSendToWhoReadsNothing(t *testing.T) {
	in := run(t, guest.RunOptions{}, "sleep", "600")
	err := guest.Send(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), strings.NewReader("x"), guest.SendOptions{})
	if kind(err) != backends.ErrBadRequest {
		t.Errorf("Send: %v", err)
	}
	if _, _, err := guest.Screen(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), false); kind(err) != backends.ErrBadRequest {
		t.Errorf("Screen: %v", err)
	}
}

// TestAttention is wanted by a bell, by words, and by a hook of the agent's,
// until somebody types.
func TestAttention(t *testing.T) {
	in := terminal(t, `while read -r x; do case $x in bell) printf '\a';; words) printf '\033]9;over here\007';; end) exit 3;; esac; done`)
	if s := in.look(); s.Attention != "" || !s.Bell.IsZero() {
		t.Errorf("at first %+v", s)
	}
	in.send("bell", guest.SendOptions{Enter: true})
	s, over, err := guest.WaitAttention(in.ctx(), in.dial(guest.ConnectArgv(program, 0)))
	if err != nil || over || s.Attention != guest.Bell || time.Since(s.Bell) > patience {
		t.Errorf("after a bell %+v, %v, %v", s, over, err)
	}
	in.send("words", guest.SendOptions{Enter: true})
	in.eventually("the words are heard", func() bool { return in.look().Note == "over here" })
	if s := in.look(); s.Attention != guest.Notified {
		t.Errorf("after words %+v", s)
	}
	in.send("nothing", guest.SendOptions{Enter: true})
	if s := in.look(); s.Attention != "" || s.Note != "" {
		t.Errorf("after an answer %+v", s)
	}
	hook := exec.Command(program, "notify", "from", "a hook")
	hook.Env = in.env()
	if out, err := hook.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("notify: %v, %s", err, out)
	}
	if s := in.look(); s.Attention != guest.Notified || s.Note != "from a hook" {
		t.Errorf("after a hook %+v", s)
	}
	in.send("end", guest.SendOptions{Enter: true})
	if _, over, err := guest.WaitAttention(in.ctx(), in.dial(guest.ConnectArgv(program, 0))); err == nil && !over || err != nil && kind(err) != backends.ErrNotRunning {
		t.Errorf("at its end: %v, %v", over, err)
	}
}

// TestTheHolderAnswersForNobody: an agent that asks its terminal where the
// cursor is gets an answer though nobody is attached.
func TestTheHolderAnswersForNobody(t *testing.T) {
	in := terminal(t, `stty raw -echo; printf '\033[4;7H\033[6n'; dd bs=1 count=6 2>/dev/null | cat -v; sleep 600`)
	in.eventually("the answer is there", func() bool { _, text := in.shot(false); return strings.Contains(text, "^[[4;7R") })
}

// TestASlowTerminalGetsARedraw: who takes nothing while a lot is printed holds
// nobody up, and sees the screen as it is in the end.
func TestASlowTerminalGetsARedraw(t *testing.T) {
	asInstalled(t)
	in := terminal(t, `read -r x; seq 1 3000000; echo the end; read -r x`)
	gate, ready := make(chan struct{}), make(chan struct{})
	out := &heard{}
	go guest.Attach(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), backends.AttachOptions{TTY: true, Started: true},
		backends.Streams{Out: writer(func(p []byte) (int, error) { <-gate; return out.Write(p) })}, false, func() { close(ready) })
	<-ready
	in.send("go", guest.SendOptions{Enter: true})
	in.eventually("it has printed all", func() bool { _, text := in.shot(false); return strings.Contains(text, "the end") })
	close(gate)
	in.eventually("the slow one sees the end", func() bool { return strings.Contains(out.String(), "the end") })
	mine := screen.New(24, 80, screen.Options{})
	mine.Write([]byte(out.String()))
	if _, want := in.shot(false); strings.Join(mine.Text(), "\n")+"\n" != want {
		t.Errorf("it sees\n%s\nwant\n%s", strings.Join(mine.Text(), "\n"), want)
	}
	if n := len(out.String()); n > 8<<20 {
		t.Errorf("it was sent %d bytes", n)
	}
}

func kind(err error) error {
	for _, k := range []error{backends.ErrBadRequest, backends.ErrNotRunning} {
		if errors.Is(err, k) {
			return k
		}
	}
	return err
}

// TestAHeldKeyReachesTheAgent soon, though nobody types more.
func TestAHeldKeyReachesTheAgent(t *testing.T) {
	in := terminal(t, `stty raw -echo; echo up; exec cat -v`)
	a := in.attach(backends.AttachOptions{TTY: true}, true)
	a.sees("up")
	a.types("\x10")
	a.sees("^P")
	a.types("\x11")
	a.ends(backends.Detached)
}

// TestValuesComeOnStdin, and nothing runs without them.
func TestValuesComeOnStdin(t *testing.T) {
	var b bytes.Buffer
	if err := guest.SendValues(&b, []string{"TOKEN=sesame", "EMPTY=", "PATH=/nowhere:" + os.Getenv("PATH")}); err != nil {
		t.Fatal(err)
	}
	b.WriteString("what comes behind is nobody's")
	in := runOn(t, &b, guest.RunOptions{Values: true}, sh(`echo "$TOKEN<$EMPTY>${PATH%%:*}"`)...)
	in.exit()
	if out, _ := in.logs(backends.LogOptions{Tail: -1}); out != "sesame<>/nowhere\n" {
		t.Errorf("it had %q", out)
	}
	for name, stdin := range map[string]string{"nothing": "", "rubbish": "TOKEN=sesame\n"} {
		in := runOn(t, strings.NewReader(stdin), guest.RunOptions{Values: true}, sh(`echo it runs`)...)
		if code := in.exit(); code != 125 || !errors.Is(in.last().Err, backends.ErrBadRequest) {
			t.Errorf("%s: ended with %d, %+v", name, code, in.last())
		}
	}
}

// TestAHolderThatStays shows the last screen and how the agent ended to whoever
// comes, serves commands, and ends with the agent's code when it is told to.
func TestAHolderThatStays(t *testing.T) {
	in := run(t, guest.RunOptions{TTY: true, Stdin: true, Stay: true}, sh(`echo last words; exit 3`)...)
	in.eventually("it has ended", func() bool { s := in.look(); return s.ExitCode != nil && *s.ExitCode == 3 })
	if _, text := in.shot(false); !strings.HasPrefix(text, "last words") {
		t.Errorf("it shows %q", text)
	}
	a := in.attach(backends.AttachOptions{TTY: true, Started: true}, false)
	a.ends(backends.Ended)
	if !strings.Contains(a.out.String(), "last words") {
		t.Errorf("who attaches sees %q", a.out.String())
	}
	if err := guest.Send(in.ctx(), in.dial(guest.ConnectArgv(program, 0)), strings.NewReader("x"), guest.SendOptions{}); kind(err) != backends.ErrNotRunning {
		t.Errorf("Send: %v", err)
	}
	if code, out, _ := in.exec(backends.Command{Argv: sh("echo $0 is served")}, ""); code != 0 || !strings.Contains(out, "served") {
		t.Errorf("a command ended with %d: %q", code, out)
	}
	if r := in.last(); !r.Over() || *r.ExitCode != 3 {
		t.Errorf("recorded as %+v", r)
	}
	in.cmd.Process.Signal(syscall.SIGTERM)
	if code := in.exit(); code != 3 {
		t.Errorf("the holder ended with %d", code)
	}
}

// TestWhoEndsItHearsThatItArrived: what is sent may be the agent's end.
func TestWhoEndsItHearsThatItArrived(t *testing.T) {
	for range 20 {
		in := terminal(t, `read -r x; exit 3`)
		in.send("end", guest.SendOptions{Enter: true})
		if code := in.exit(); code != 3 {
			t.Fatalf("ended with %d", code)
		}
	}
}

// TestSignalsThatAnImageMayStopWith reach the agent.
func TestSignalsThatAnImageMayStopWith(t *testing.T) {
	for _, n := range []int{3, 10, 30, 37, 64} { // QUIT, USR1, PWR, RTMIN+3, RTMAX
		in := plain(t, fmt.Sprintf(`trap 'exit 9' %d; echo up; while :; do sleep 0.05; done`, n))
		in.eventually("it is up", func() bool { out, _ := in.logs(backends.LogOptions{Tail: -1}); return out == "up\n" })
		in.cmd.Process.Signal(syscall.Signal(n))
		if code := in.exit(); code != 9 {
			t.Errorf("after signal %d it ended with %d", n, code)
		}
	}
}
