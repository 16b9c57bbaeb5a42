package inside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// command is what to start.
type command struct {
	argv    []string
	env     environment
	user    who
	workdir string
	tty     bool
	stdin   bool // otherwise it is empty
	quiet   bool // its output goes nowhere
	size    backends.Size
	group   *group
}

// process is one that was started, with our ends of its streams.
type process struct {
	pid      int
	tty      *os.File // nil without a terminal
	in       *os.File // nil without stdin; the terminal with one
	out, err *os.File // err is nil with a terminal
	theirs   []int    // its own ends: stdin, stdout, stderr
	opened   []int    // and which files they are, to close once it has them
}

// start runs a command in a session of its own. Nobody has waited for it.
func start(c command) (*process, error) {
	if st, err := os.Stat(c.workdir); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("working folder %q: %w: %w", c.workdir, backends.ErrBadRequest, errors.Join(err, notFolder(st)))
	}
	p := &process{}
	err := p.streams(c)
	if err == nil {
		err = p.exec(c)
	}
	for _, fd := range p.opened {
		syscall.Close(fd)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func notFolder(st os.FileInfo) error {
	if st == nil {
		return nil
	}
	return errors.New("it is no folder")
}

// streams makes both ends of the streams. The ends of the process belong to
// its user, who may open them once more by name (/dev/stdout, tty).
func (p *process) streams(c command) error {
	if c.tty {
		return p.terminal(c)
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	p.theirs = []int{null, null, null}
	p.opened = []int{null}
	pipe := func(at int, write bool) (*os.File, error) {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return nil, fmt.Errorf("make a pipe: %w", err)
		}
		ours, theirs := ends[0], ends[1]
		if write {
			ours, theirs = ends[1], ends[0]
		}
		p.theirs[at] = theirs
		p.opened = append(p.opened, theirs)
		unix.Fchown(theirs, int(c.user.uid), -1) // not where we are not root: then it is ours anyway
		if err := unix.SetNonblock(ours, true); err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(ours), "pipe"), nil
	}
	if c.stdin {
		if p.in, err = pipe(0, true); err != nil {
			return err
		}
	}
	if !c.quiet {
		if p.out, err = pipe(1, false); err != nil {
			return err
		}
		p.err, err = pipe(2, false)
	}
	return err
}

func (p *process) terminal(c command) error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("open a terminal: %w", err)
	}
	fd, err := unix.FcntlInt(slave.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	slave.Close()
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	p.tty, p.in, p.out = master, master, master
	if err != nil {
		return fmt.Errorf("open a terminal: %w", err)
	}
	p.theirs, p.opened = []int{fd, fd, fd}, []int{fd}
	unix.Fchown(fd, int(c.user.uid), -1)
	if c.size == (backends.Size{}) {
		c.size = backends.Size{Rows: 24, Cols: 80}
	}
	return p.resize(c.size)
}

func (p *process) resize(s backends.Size) error {
	if p.tty == nil || s.Rows == 0 || s.Cols == 0 {
		return nil
	}
	return pty.Setsize(p.tty, &pty.Winsize{Rows: s.Rows, Cols: s.Cols})
}

// exec finds the program as a shell does and starts it.
func (p *process) exec(c command) error {
	attr := &syscall.ProcAttr{Dir: c.workdir, Env: c.env,
		Files: []uintptr{uintptr(p.theirs[0]), uintptr(p.theirs[1]), uintptr(p.theirs[2])},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: c.tty, Credential: c.user.credential()}}
	if c.group != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(c.group.dir.Fd())
	}
	name := c.argv[0]
	places := []string{name}
	if name == "" {
		places = nil
	} else if !strings.Contains(name, "/") {
		places = nil
		for _, dir := range filepath.SplitList(c.env.get("PATH")) {
			places = append(places, joinPath(dir, name))
		}
	}
	failure := fmt.Errorf("%q: %w", name, backends.ErrCommandNotFound)
	for _, place := range places {
		pid, err := syscall.ForkExec(place, c.argv, attr)
		switch {
		case err == nil:
			p.pid = pid
			return nil
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
			if _, lerr := os.Lstat(place); lerr == nil && strings.Contains(name, "/") {
				failure = fmt.Errorf("%q: %w: it is there, and what it needs to run (its interpreter) is not", name, backends.ErrCommandNotFound)
			}
		case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EISDIR):
			failure = fmt.Errorf("%q: %w: %w%s", name, backends.ErrNotExecutable, err, perhapsFolder(c, err))
		case errors.Is(err, syscall.E2BIG), errors.Is(err, syscall.EINVAL):
			return fmt.Errorf("%q: %w: %w", name, backends.ErrBadRequest, err)
		case errors.Is(err, syscall.EPERM) && attr.Sys.Credential != nil && os.Geteuid() != 0:
			return fmt.Errorf("run as uid %d: only root may: %w: %w", c.user.uid, backends.ErrBadRequest, err)
		case errors.Is(err, syscall.EAGAIN) && c.group != nil:
			return fmt.Errorf("start %q: there are as many processes as --pids allows: %w", name, err)
		default:
			return fmt.Errorf("start %q: %w", name, err)
		}
	}
	return failure
}

// perhapsFolder says what else may be denied: the kernel gives one error for
// the program and for the working folder of somebody who may not enter it.
func perhapsFolder(c command, err error) string {
	if c.user.uid == 0 || c.workdir == "/" || !errors.Is(err, syscall.EACCES) {
		return ""
	}
	return fmt.Sprintf(", to it or to the working folder %q, for uid %d", c.workdir, c.user.uid)
}

// joinPath is a place of PATH; an empty one is the working folder.
func joinPath(dir, name string) string {
	if dir == "" {
		dir = "."
	}
	if dir == "." {
		return "./" + name
	}
	return filepath.Join(dir, name)
}

func (p *process) close() {
	for _, f := range []*os.File{p.in, p.out, p.err} {
		if f != nil {
			f.Close()
		}
	}
}

// exitOf reads how a process ended.
func exitOf(st syscall.WaitStatus) (code, signal int) {
	if st.Signaled() {
		return 128 + int(st.Signal()), int(st.Signal())
	}
	return st.ExitStatus(), 0
}
