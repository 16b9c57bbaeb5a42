package fake

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/creack/pty"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// process is one command below a root folder.
type process struct {
	cmd    *exec.Cmd
	places []string   // where the program may be
	theirs []*os.File // its ends of the streams, closed once it has them
	tty    *os.File   // our end of its terminal
	in     io.WriteCloser
	outs   []stream
	copies sync.WaitGroup
	ended  atomic.Bool
}

type stream struct {
	kind byte
	from *os.File
}

// guestPath is where programs are when the instance does not say.
const guestPath = "/bin:/usr/bin:/usr/local/bin"

// prepare readies a command for its start: who, where, with what streams.
func prepare(root string, spec backends.InstanceSpec, c backends.Command) (p *process, err error) {
	who, err := lookUp(root, cmp.Or(c.User, spec.User))
	if err != nil {
		return nil, err
	}
	dir := cmp.Or(c.Workdir, spec.Workdir)
	env := append([]string{"PATH=" + guestPath, "HOME=" + cmp.Or(who.home, spec.Home, "/")}, spec.Env...)
	env = append(env, c.Env...)
	if c.TTY {
		env = append([]string{"TERM=xterm"}, env...)
	}
	path := guestPath
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	p = &process{places: []string{c.Argv[0]}}
	if !strings.Contains(c.Argv[0], "/") {
		p.places = p.places[:0]
		for _, d := range filepath.SplitList(path) {
			p.places = append(p.places, filepath.Join(d, c.Argv[0]))
		}
	}
	p.cmd = &exec.Cmd{Args: c.Argv, Env: env, Dir: dir, SysProcAttr: &syscall.SysProcAttr{Chroot: root, Setsid: true,
		Credential: &syscall.Credential{Uid: who.uid, Gid: who.gid, NoSetGroups: !isRealRoot()}}}
	if c.TTY {
		return p, p.terminal(c.Size)
	}
	return p, p.pipes(c.Stdin)
}

// isRealRoot says whether other users can be had: not so when root is the
// only user of a user namespace.
func isRealRoot() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(ids))
	return err == nil && len(f) == 3 && f[2] != "1"
}

func (p *process) terminal(size backends.Size) error {
	master, slave, err := pty.Open()
	if err != nil {
		return err
	}
	p.tty, p.in, p.theirs = master, master, []*os.File{slave}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr.Setctty = true
	p.outs = []stream{{frameOut, master}}
	return p.resize(size)
}

func (p *process) pipes(stdin bool) error {
	for i, to := range []*io.Writer{&p.cmd.Stdout, &p.cmd.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		*to = w
		p.theirs = append(p.theirs, w)
		p.outs = append(p.outs, stream{[]byte{frameOut, frameErr}[i], r})
	}
	if !stdin {
		return nil // os/exec opens /dev/null
	}
	r, w, err := os.Pipe()
	p.cmd.Stdin, p.in, p.theirs = r, w, append(p.theirs, r)
	return err
}

// start runs it. What it prints is given to output, in one goroutine a
// stream.
func (p *process) start(output func(kind byte, b []byte)) error {
	err := error(backends.ErrCommandNotFound)
	for _, place := range p.places {
		c := *p.cmd // a Cmd is started once
		c.Path = place
		switch e := c.Start(); {
		case e == nil:
			p.cmd, err = &c, nil
		case errors.Is(e, fs.ErrNotExist), errors.Is(e, syscall.ENOTDIR):
			continue
		case errors.Is(e, fs.ErrPermission), errors.Is(e, syscall.ENOEXEC):
			err = backends.ErrNotExecutable
			continue
		default:
			err = e
		}
		break
	}
	for _, f := range p.theirs {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		p.close()
		return fmt.Errorf("%w: %s in %s", err, p.cmd.Args[0], p.cmd.Dir)
	}
	for _, s := range p.outs {
		p.copies.Go(func() {
			buf := make([]byte, 32<<10)
			for {
				n, err := s.from.Read(buf)
				if n > 0 {
					output(s.kind, slices.Clone(buf[:n]))
				}
				if err != nil { // a terminal says EIO for its end
					return
				}
			}
		})
	}
	return nil
}

// wait waits for its end and says how it ended, as a shell does.
func (p *process) wait() int {
	p.cmd.Wait() // says the exit code once more
	p.ended.Store(true)
	st := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if st.Signaled() {
		return 128 + int(st.Signal())
	}
	return st.ExitStatus()
}

// drained waits until all that it printed is out.
func (p *process) drained() {
	p.copies.Wait()
	p.close()
}

func (p *process) close() {
	for _, s := range p.outs {
		s.from.Close()
	}
	if p.in != nil {
		p.in.Close()
	}
}

func (p *process) signal(sig syscall.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// killGroup ends it and what it started in its session.
func (p *process) killGroup() {
	if !p.ended.Load() {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// take handles a frame from a client. What the process does not want any
// more is dropped.
func (p *process) take(kind byte, payload []byte) {
	switch kind {
	case frameIn:
		if p.in != nil {
			p.in.Write(payload)
		}
	case frameInEnd:
		if p.in != nil && p.tty == nil { // a terminal has no end
			p.in.Close()
		}
	}
}

func (p *process) resize(s backends.Size) error {
	if p.tty == nil || s.Rows == 0 || s.Cols == 0 {
		return nil
	}
	return pty.Setsize(p.tty, &pty.Winsize{Rows: s.Rows, Cols: s.Cols})
}
