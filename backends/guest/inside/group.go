package inside

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// group is a control group (cgroups(7), version 2) that a command starts in.
// The nil group is none.
type group struct{ dir *os.File }

// groupName is the group of the agent and of every later command. Only a
// holder makes it, and there is one in an instance.
func groupName() string {
	if name := os.Getenv(nameVar); name != "" {
		return "bot-bottle-" + name
	}
	return "bot-bottle"
}

// tree opens the tree of groups. It is mounted for this process alone, so that
// nobody in the instance finds it by a path that we have put there; where that
// is not allowed the usual place has to do.
func tree() (*os.File, error) {
	fd, err := detached()
	if err == nil {
		return os.NewFile(uintptr(fd), "cgroup2"), nil
	}
	const usual = "/sys/fs/cgroup"
	var fs unix.Statfs_t
	if serr := unix.Statfs(usual, &fs); serr != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, fmt.Errorf("control groups of version 2 cannot be mounted (%w), and %s has none", err, usual)
	}
	return os.Open(usual)
}

func detached() (int, error) {
	fs, err := unix.Fsopen("cgroup2", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return 0, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// bound makes the group, of at most so many processes and threads.
func bound(pids int64) (*group, error) {
	top, err := tree()
	if err != nil {
		return nil, err
	}
	defer top.Close()
	if err := write(top, "cgroup.subtree_control", "+pids"); err != nil {
		return nil, fmt.Errorf("the kernel gives no control over numbers of processes: %w", err)
	}
	if err := unix.Mkdirat(int(top.Fd()), groupName(), 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	g, err := within(top)
	if err != nil {
		return nil, err
	}
	if err := write(g.dir, "pids.max", strconv.FormatInt(pids, 10)); err != nil {
		g.close()
		return nil, fmt.Errorf("limit a control group: %w", err)
	}
	if err := g.try(); err != nil {
		g.remove()
		return nil, fmt.Errorf("start something in a control group: %w", err)
	}
	return g, nil
}

// try starts this program in the group, which says no more than how it is
// called. What kept it from starting would keep the agent from it, too.
func (g *group) try() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{Name}, &syscall.ProcAttr{
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
		Sys:   &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.dir.Fd())}})
	if err != nil {
		return err
	}
	(&running{process: &process{pid: pid}}).wait()
	return nil
}

// join opens the group that the holder has made.
func join() (*group, error) {
	top, err := tree()
	if err != nil {
		return nil, err
	}
	defer top.Close()
	return within(top)
}

func within(top *os.File) (*group, error) {
	fd, err := unix.Openat(int(top.Fd()), groupName(), unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open the control group: %w", err)
	}
	g := &group{os.NewFile(uintptr(fd), groupName())}
	// One of another type takes no process, and would fail every command.
	if kind, err := read(g.dir, "cgroup.type"); err != nil || kind != "domain" {
		g.close()
		return nil, errors.Join(fmt.Errorf("the control group is of the type %q, which holds no processes", kind), err)
	}
	return g, nil
}

// remove takes the group away, once nothing is in it any more.
func (g *group) remove() {
	if g == nil {
		return
	}
	g.close()
	if top, err := tree(); err == nil {
		_ = unix.Unlinkat(int(top.Fd()), groupName(), unix.AT_REMOVEDIR) // the next run uses it again
		top.Close()
	}
}

func (g *group) close() {
	if g != nil {
		g.dir.Close()
	}
}

func at(dir *os.File, name string, how int) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, how|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func write(dir *os.File, name, text string) error {
	f, err := at(dir, name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func read(dir *os.File, name string) (string, error) {
	f, err := at(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b [64]byte
	n, err := f.Read(b[:])
	return strings.TrimSpace(string(b[:max(n, 0)])), err
}
