package fakesmolvm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

const (
	mostOutput      = 11 << 20 // of a command whose output is kept back
	mostConnections = 8
)

func (w *world) exec(o options) error {
	switch {
	case len(o.words) == 0:
		return usage("the following required arguments were not provided: <COMMAND>...")
	case o.has("--detach") && (o.has("--interactive") || o.has("--tty") || o.has("--stream")):
		return usage("the argument '--detach' cannot be used with '--interactive'")
	}
	r, err := w.named(o)
	if err != nil {
		return err
	}
	secrets, err := r.secrets()
	if err != nil {
		return err
	}
	if w.bootedPID(r.Name) == 0 {
		return w.notRunning(r.Name)
	}
	free, err := w.slot(r.Name)
	if err != nil {
		return err
	}
	defer free()
	if w.faults.SilentAgent {
		time.Sleep(3 * time.Second)
		return w.notRunning(r.Name)
	}
	q := request{Argv: o.words, Dir: o.last("--workdir"), User: o.last("--user"), Detach: o.has("--detach"),
		Env: append(secrets, o.flags["--env"]...)}
	if q.Dir == "" {
		q.Dir = orRoot(r.Workdir)
	}
	if q.User == "" {
		q.User = r.User
	}
	if o.has("--timeout") {
		d, err := time.ParseDuration(o.last("--timeout"))
		if err != nil || d <= 0 {
			return usage("invalid value for '--timeout <DURATION>'")
		}
		time.AfterFunc(d, func() {
			fmt.Fprintf(os.Stderr, "command timed out after %dms\n", d.Milliseconds())
			end(124)
		})
	}
	return w.converse(r.Name, q, o.has("--interactive") || o.has("--stream"), o.has("--interactive"))
}

func (w *world) notRunning(name string) error {
	return failf("SMOLVM_ERROR", "agent operation failed: connect: machine '%s' is not running. Start it with 'smolvm machine start --name %s'; if a start is already in progress, retry once it finishes.", name, name)
}

// slot takes one of the connections that an agent serves side by side.
func (w *world) slot(name string) (free func(), err error) {
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		for i := range mostConnections {
			l := flock.New(w.machineDir(name, fmt.Sprintf("slot.%d", i)))
			ok, err := l.TryLock()
			if err != nil {
				return nil, w.notRunning(name)
			}
			if ok {
				return func() { l.Close() }, nil
			}
		}
		if time.Now().After(end) {
			return nil, w.notRunning(name)
		}
	}
}

// converse has the agent run a command on streams of ours.
func (w *world) converse(name string, q request, live, stdin bool) error {
	conn, err := net.Dial("unix", w.machineDir(name, "agent.sock"))
	if err != nil {
		return w.notRunning(name)
	}
	defer conn.Close()
	var kept [2]*os.File
	streams := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if !stdin {
		streams[0] = null
	}
	switch {
	case q.Detach:
		streams[1], streams[2] = null, null
	case !live:
		for i := range kept {
			if kept[i], err = os.CreateTemp("", "fakesmolvm"); err != nil {
				return err
			}
			defer os.Remove(kept[i].Name())
			streams[1+i] = kept[i]
		}
	}
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	fds := make([]int, len(streams))
	for i, s := range streams {
		fds[i] = int(s.Fd())
	}
	if err := send(conn.(*net.UnixConn), text, unix.UnixRights(fds...)); err != nil {
		return err
	}
	var a answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return failf("SMOLVM_ERROR", "agent operation failed: vm exec interactive: connection to VM lost")
	}
	switch {
	case a.Error != "":
		fmt.Fprintln(os.Stderr, a.Error)
		return status(255)
	case q.Detach:
		fmt.Println(a.PID)
		return nil
	}
	if !live && !q.Detach {
		if err := replay(kept); err != nil {
			return err
		}
	}
	if a.Code != 0 {
		return status(a.Code)
	}
	return nil
}

func send(c *net.UnixConn, text, rights []byte) error {
	n, _, err := c.WriteMsgUnix(text, rights, nil)
	for err == nil && n < len(text) {
		var more int
		more, err = c.Write(text[n:])
		n += more
	}
	return err
}

func replay(kept [2]*os.File) error {
	for i, to := range []io.Writer{os.Stdout, os.Stderr} {
		if _, err := kept[i].Seek(0, io.SeekStart); err != nil {
			return err
		}
		n, err := io.Copy(to, io.LimitReader(kept[i], mostOutput+1))
		if err != nil {
			return err
		}
		if n > mostOutput {
			return failf("SMOLVM_ERROR", "agent operation failed: command output exceeded %d bytes and was truncated", mostOutput)
		}
	}
	return nil
}

// pipeTo runs the program itself once more.
func pipeTo(self string, args []string, in io.Reader, out *bufio.Writer) error {
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "smolvm"
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &said
	if in == nil {
		cmd.Stdin = strings.NewReader("")
	}
	err := cmd.Run()
	return errors.Join(err, out.Flush())
}
