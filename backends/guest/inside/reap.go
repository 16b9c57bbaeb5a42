package inside

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of its descendants' orphans, as the
// first process of a system is.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// reap takes the ends of all children that have ended, and says whether the
// one asked for is among them.
func reap(pid int) (st syscall.WaitStatus, found bool) {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil || got <= 0:
			return st, found
		case got == pid:
			st, found = ws, true
		}
	}
}

// endTime bounds how long what is left of an agent is hunted.
const endTime = 3 * time.Second

// endLeftovers kills what an ended agent leaves behind, as an engine does
// with the other processes of a container. They are our children by and by,
// see adopt; nothing else is touched.
func endLeftovers() {
	for end := time.Now().Add(endTime); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		reap(0)
		left := children()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			syscall.Kill(pid, syscall.SIGKILL) // gone by itself: as well
		}
	}
}

// children lists the children of this process.
func children() []int { return processes(1, os.Getpid()) }

// session lists the processes of a session, whatever groups they have made.
func session(id int) []int { return processes(3, id) }

// processes lists those with a number in a field of their stat file, counted
// behind the name (proc_pid_stat(5)): 1 is the parent, 3 the session. Without
// /proc none can be found.
func processes(field, number int) (pids []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	want := strconv.Itoa(number)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it ended
		}
		f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // a name may hold anything
		if len(f) > field && string(f[field]) == want {
			pids = append(pids, pid)
		}
	}
	return pids
}
