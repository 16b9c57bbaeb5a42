package smolmachines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// mostAnswer is how much of an answer is read: thousands of machines.
	mostAnswer = 32 << 20
	// mostSaid is how much of the end of stderr is kept. Whatever chatter
	// comes before, the reason of a failure is in the last line.
	mostSaid = 64 << 10
	// leaveTime is how long pipes may stay open after a program ended.
	leaveTime = 2 * time.Second
)

// exitFailed is the exit code of smolvm whatever went wrong (src/main.rs); a
// call that it does not understand is 2, as usual with clap.
const exitFailed = 1

// result is how one call of the program ended.
type result struct {
	stdout []byte
	stderr string // the end of it
	code   int
}

// run calls the program and waits. An error means that it could not be run or
// that ctx ended; what it answered, well or ill, is in the result.
func (b *Backend) run(ctx context.Context, p program, env []string, args ...string) (result, error) {
	var out capped
	said := tail{most: mostSaid}
	cmd := b.command(ctx, p, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	r := result{stdout: out.buf.Bytes(), stderr: said.String(), code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && (err != nil || r.code != 0):
		return r, ctx.Err()
	case out.over:
		return r, b.unavailable("smolvm answers without an end", hintName, nil)
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return r, nil
	case errors.As(err, &exit):
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return r, fmt.Errorf("smolvm was ended by %s", ws.Signal())
		}
		return r, nil
	}
	return r, b.unavailable("smolvm cannot be run", "try it: "+p.Path+" --version", err)
}

// command prepares a call, which is killed with all that it started when ctx
// ends. A micro-VM is in a group of its own and stays.
func (b *Backend) command(ctx context.Context, p program, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Path, args...)
	cmd.Dir = "/"
	cmd.Env = append(b.environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = leaveTime
	return cmd
}

// kept are the variables that smolvm may know of ours: where programs are,
// where its own parts are, and what a session of the user needs.
var kept = []string{"PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
	"SMOLVM_LIB_DIR", "SMOLVM_AGENT_ROOTFS", "SMOLVM_AGENT_READY_TIMEOUT_SECS"}

// environ is the environment of every call: the recorded data root whatever
// ours says today, and nothing that would change what a call means.
func (b *Backend) environ() []string {
	home := b.getenv("HOME")
	// Seeds are machines of its own that it boots beside the first start of an
	// image. A start that is ended leaves them running, and they are nobody's.
	env := []string{"HOME=" + b.root, "SMOLVM_IMAGE_SEEDS=off"}
	if b.root != home {
		// It makes its folder readable to all, which nobody wants of his
		// home. HOME alone means the same world.
		env = append(env, EnvDataDir+"="+b.root)
	}
	for _, name := range kept {
		if v := b.getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	// The upstream installer puts this below the home of whoever installs,
	// and smolvm looks below the data root.
	if rootfs := filepath.Join(home, ".local", "share", "smolvm", "agent-rootfs"); home != "" && b.root != home && b.getenv("SMOLVM_AGENT_ROOTFS") == "" {
		if _, err := os.Stat(rootfs); err == nil {
			env = append(env, "SMOLVM_AGENT_ROOTFS="+rootfs)
		}
	}
	if os.Geteuid() == 0 {
		// Else the VM has a uid of its own that can use neither a mount nor
		// the file of an image unless all the world can.
		env = append(env, "SMOLVM_VM_UID_DROP=off")
	}
	return env
}

// capped takes what a program answers, up to a limit.
type capped struct {
	buf  bytes.Buffer
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > mostAnswer {
		c.over = true
		return 0, io.ErrShortBuffer
	}
	return c.buf.Write(p)
}

// tail keeps the end of what it is given.
type tail struct {
	most int
	buf  []byte
	cut  int // bytes that were dropped
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.most; over > t.most {
		t.cut += over
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	s := t.buf
	if over := len(s) - t.most; over > 0 {
		s = s[over:]
	}
	return strings.ToValidUTF8(string(s), "\uFFFD")
}

// seconds is a duration as smolvm reads it, rounded up.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }
