package smolmachines

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A start that is killed leaves two sorts of processes that nobody knows of:
// the smolvm that it called, which goes on and may be about to boot the
// machine, and the micro-VM that it booted.

// strays finds the micro-VMs of a machine, whoever started them.
func (b *Backend) strays(name string) []int { return processes(b.boots(name)) }

// lives are the same, to wait for their end.
func (b *Backend) lives(name string) (all []life) {
	for _, pid := range b.strays(name) {
		all = append(all, lifeOf(pid))
	}
	return all
}

// left finds both.
func (b *Backend) left(name string) []int { return processes(either(b.starts(name), b.boots(name))) }

// is tells one sort of process by its number and its words. One that is dead
// and not yet reaped has no words any more.
type is func(pid int, args []string) bool

// boots tells a micro-VM, which names the folder of its machine:
// `/proc/self/exe _boot-vm …/vms/<hash>/boot-config.json`.
func (b *Backend) boots(name string) is {
	config := filepath.Join(b.machineDir(name), "boot-config.json")
	return func(_ int, args []string) bool {
		return len(args) >= 3 && args[1] == "_boot-vm" && args[2] == config
	}
}

// starts tells a call of smolvm that starts the machine in this data root.
func (b *Backend) starts(name string) is {
	call := []string{"machine", "start", "--name", name}
	return func(pid int, args []string) bool {
		at := slices.Index(args, call[0])
		if at < 1 || !slices.Equal(args[at:min(at+len(call), len(args))], call) {
			return false
		}
		env := words(pid, "environ") // none for another user's
		return slices.Contains(env, EnvDataDir+"="+b.root) ||
			slices.Contains(env, "HOME="+b.root) && !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, EnvDataDir+"=") })
	}
}

func either(one, other is) is {
	return func(pid int, args []string) bool { return one(pid, args) || other(pid, args) }
}

// words reads a file of proc(5) that holds strings with zeros in between.
func words(pid int, file string) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file)
	if err != nil {
		return nil
	}
	var words []string
	for w := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{0}), []byte{0}) {
		words = append(words, string(w))
	}
	return words
}

func processes(wanted is) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && wanted(pid, words(pid, "cmdline")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// goneTime is how long the kernel may take to end a process, and goneEvery how
// soon to look again: a look is a read of /proc.
const (
	goneTime  = 5 * time.Second
	goneEvery = time.Millisecond
)

// execTime is how long a process may take to get the words of another program.
// Meanwhile it has none.
const execTime = 100 * time.Millisecond

// endStrays kills what is left of a machine that is stopped, and waits until
// it is gone: first who could boot it anew. Who is killed may have begun a
// process that was not to be told yet, so it looks until there is none.
func (b *Backend) endStrays(name string) {
	for range 10 {
		pids := b.left(name)
		if len(pids) == 0 {
			return
		}
		for _, wanted := range []is{b.starts(name), b.boots(name)} {
			for _, pid := range pids {
				end(pid, wanted)
			}
		}
		time.Sleep(execTime)
	}
}

// end kills a process if it is wanted. It is held by a descriptor between the
// look at it and the kill, so that a number given away anew hits nobody.
func end(pid int, wanted is) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	defer p.Release() // which cannot fail
	l := lifeOf(pid)
	if wanted(pid, words(pid, "cmdline")) {
		_ = p.Signal(syscall.SIGKILL) // gone already is as well
		l.awaitEnd()
	}
}

// life is a process as long as its number is its own: when it began, as the
// kernel counts, tells it from a later one.
type life struct {
	pid   int
	began string
}

// lifeOf reads proc(5): behind the name, which may hold anything, the state is
// the first word, the number of threads the 18th, and the beginning the 20th.
// A process that was killed has no words any more while threads of it are left,
// and with them its disks are in use. None is left: no beginning.
func lifeOf(pid int) life {
	l := life{pid: pid}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if err != nil || len(f) < 20 || (f[0] == "Z" || f[0] == "X") && (f[17] == "0" || f[17] == "1") {
		return l
	}
	l.began = f[19]
	return l
}

// awaitEnd waits until nothing is left of it, for goneTime at most.
func (l life) awaitEnd() {
	for end := time.Now().Add(goneTime); l.began != "" && lifeOf(l.pid) == l && time.Now().Before(end); {
		time.Sleep(goneEvery)
	}
}
