package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostile prints, at each line it reads, what makes terminals type and what
// sets the clipboard.
const hostile = `while read -r w; do printf 'A\033]2;ls\a\033[21tB\033]52;c;aGk=\aC\005D\n'; done`

func TestTerminalIsGuarded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", hostile)
	attach := func(want string) {
		t.Helper()
		cmd := d.sit(nil, "attach", "a")
		d.raw()
		d.types("\r")
		d.see(want)
		d.types("\x10\x11")
		d.ends(cmd, 0)
	}
	attach(`A\x1b\[22;2t\x1b\]2;ls\aBCD\r`)
	d.see(`\x1b\[23;2t\x1b\[0m\r`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.engine), "home", "config.yaml"), []byte("clipboard: write\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attach(`B\x1b\]52;c;aGk=\aCD\r`)

	// Without a terminal for the command, too, and by both streams.
	cmd := d.sit(nil, "exec", "a", "sh", "-c", `printf 'one\033[6n\033]52;c;?\a\033[?25l-'; printf 'two\033[21t-' >&2; sleep 0.1; echo end`)
	d.see(`one\x1b\[\?25l-`)
	d.see(`two-`)
	d.see(`(?s)-.*end`)
	d.ends(cmd, 0)
	d.see(`\x1b\[\?25h\x1b\[0m\r`)

	// A pipe gets what was printed.
	if out := d.script("exec", "a", "printf", `x\033[21t`); out != "x\x1b[21t" {
		t.Errorf("a pipe gets %q", out)
	}
}

// What the terminal answers after the agent was left is not for the shell.
func TestTerminalAnswersLate(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.script("start", "-d", "--name", "a", "--image", "busybox", "--", "sh", "-c", "while read -r w; do :; done")
	cmd := d.sit(nil, "exec", "-it", "a", "sh", "-c", `printf 'ask\033[6n'`)
	d.see(`ask\x1b\[6n`)
	d.see(`\x1b\[0m\r`) // the agent is left
	time.Sleep(20 * time.Millisecond)
	d.types("\x1b[1;1R")
	d.ends(cmd, 0)
	if left := d.typedAhead(); left != "" {
		t.Errorf("the shell would read %q", left)
	}
	// Where nothing was asked, what was typed ahead is kept.
	cmd = d.sit(nil, "exec", "-it", "a", "sh", "-c", `echo no; read w; echo left`)
	d.raw()
	d.types("\r")
	d.see(`left`)
	d.ends(cmd, 0)
	d.types("ls\r")
	if left := d.typedAhead(); !strings.HasPrefix(left, "ls") {
		t.Errorf("the shell would read %q", left)
	}
}

// typedAhead is what a shell would find typed on the terminal.
func (d *desk) typedAhead() string {
	d.t.Helper()
	fd := int(d.tty.Fd())
	raw := d.before
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 0, 2
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		d.t.Fatal(err)
	}
	defer unix.IoctlSetTermios(fd, unix.TCSETS, &d.before)
	b := make([]byte, 100)
	n, err := unix.Read(fd, b)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b[:n])
}
