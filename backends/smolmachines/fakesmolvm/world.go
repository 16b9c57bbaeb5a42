package fakesmolvm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Faults is what is to go wrong, as a file faults.json in the data folder.
type Faults struct {
	Version      string   // play this one
	Namesake     bool     // be another product: no machines
	Hang         []string // calls that begin so never end; "*" is all
	Chatter      int      // bytes of warnings on stderr before anything else
	DatabaseBusy int      // how many calls find the database busy
	StartDelay   time.Duration
	LinkDelay    time.Duration // between the look for an archive in the cache and its link
	StartFails   string        // the words of a failed boot, whose VM stays
	StartCode    string        // and their code
	SilentAgent  bool          // the agent of every machine does not answer
	NewKeys      bool          // keys that nobody knows
	State        string        // a state for every machine
	Tell         bool          // leave a line in the file calls for every call, see [Calls]
}

// Calls are the commands that were called in a data folder since it was to
// tell, each as its first two words, options aside.
func Calls(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), err
}

// tell leaves the line of this call.
func (w *world) tell(args []string) error {
	if !w.faults.Tell {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(w.dir, "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, strings.Join(args[:min(len(args), 2)], " "))
	return errors.Join(err, f.Close())
}

// Forget loses the record of a machine in a data folder, whatever runs.
func Forget(dir, name string) error { return os.Remove((&world{dir: dir}).recordFile(name)) }

// Plan writes what is to go wrong in a data folder.
func Plan(dir string, f Faults) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "faults.json"), text, 0o644)
}

// world is all state: machines below dir, as smolvm lays them out.
type world struct {
	dir    string
	faults Faults
}

func newWorld() (*world, error) {
	dir := os.Getenv("SMOLVM_DATA_DIR")
	if dir == "" {
		dir = os.Getenv("HOME")
	}
	w := &world{dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, "faults.json"))
	if err == nil {
		err = json.Unmarshal(text, &w.faults)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return w, err
}

func (w *world) version() string {
	if w.faults.Version != "" {
		return w.faults.Version
	}
	return Version
}

func (w *world) chatter() {
	line := "\x1b[2m2026-01-01T00:00:00Z\x1b[0m \x1b[33m WARN\x1b[0m something or other\n"
	for n := 0; n < w.faults.Chatter; n += len(line) {
		fmt.Fprint(os.Stderr, line)
	}
}

// busy plays a database that is locked, for as many calls as planned.
func (w *world) busy() error {
	if w.faults.DatabaseBusy == 0 {
		return nil
	}
	w.faults.DatabaseBusy--
	if err := Plan(w.dir, w.faults); err != nil {
		return err
	}
	return failf("DATABASE_ERROR", "database operation failed: begin transaction: database is locked")
}

// record is one machine.
type record struct {
	Name             string
	State            string
	PID              int
	Created          int64
	Labels           map[string]string
	Image            string // as told; the root is in the folder
	Cmd              []string
	Env, ImageEnv    []string
	Secrets          []string
	Workdir, User    string
	Volumes          []volume
	Ports            []string
	Net              bool
	CPUs, Memory     int
	Storage, Overlay *int
}

type volume struct {
	Source, Target string
	ReadOnly       bool
}

func hashed(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:16]
}

// machineDir holds what smolvm keeps in its cache: disks, sockets, the log.
func (w *world) machineDir(name string, elem ...string) string {
	return filepath.Join(append([]string{w.dir, ".cache", "smolvm", "vms", hashed(name)}, elem...)...)
}

func (w *world) recordFile(name string) string {
	return filepath.Join(w.dir, ".local", "share", "smolvm", "server", "fake", hashed(name)+".json")
}

// locked runs f with the database locked.
func (w *world) locked(f func() error) error {
	dir := filepath.Dir(w.recordFile(""))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	l := flock.New(filepath.Join(dir, "lock"))
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Close()
	return f()
}

func (w *world) load(name string) (*record, error) {
	text, err := os.ReadFile(w.recordFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return &r, err
}

func (w *world) save(r *record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d", w.recordFile(r.Name), os.Getpid())
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(tmp, w.recordFile(r.Name)); err != nil {
		return err
	}
	return w.wrote()
}

// wrote leaves in the files of the real database the trace of a write: both
// are there, and the log grows.
func (w *world) wrote() error {
	for _, name := range []string{"smolvm.db", "smolvm.db-wal"} {
		f, err := os.OpenFile(filepath.Join(w.dir, ".local", "share", "smolvm", "server", name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.WriteString("\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// named loads the machine that a command means.
func (w *world) named(o options) (*record, error) {
	name := o.last("--name")
	r, err := w.load(name)
	if err == nil && r == nil {
		err = failf("NOT_FOUND", "vm not found: %s", name)
	}
	return r, err
}

func (w *world) all() ([]*record, error) {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(w.recordFile("")), "*.json"))
	if err != nil {
		return nil, err
	}
	var out []*record
	for _, f := range files {
		text, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var r record
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, &r)
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

// alive says whether a process is there and is the micro-VM of a machine. A
// zombie has no command line any more, so unlike smolvm we see through it.
func (w *world) alive(pid int, name string) bool {
	if pid <= 0 {
		return false
	}
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && strings.Contains(string(line), bootCommand+"\x00"+w.machineDir(name, "boot-config.json"))
}

// state is what smolvm shows, which is not always what it has recorded.
func (w *world) state(r *record) string {
	switch {
	case w.faults.State != "":
		return w.faults.State
	case r.State != "running":
		return r.State
	case !w.alive(r.PID, r.Name):
		return "stopped"
	case w.faults.SilentAgent:
		return "unreachable"
	}
	return "running"
}

// bootedPID is the VM that a start has left in the folder of a machine.
func (w *world) bootedPID(name string) int {
	text, err := os.ReadFile(w.machineDir(name, "agent.pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || !w.alive(pid, name) {
		return 0
	}
	return pid
}

// end kills a VM and waits until it is dead.
func (w *world) end(pid int, name string) error {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	for end := time.Now().Add(8 * time.Second); w.alive(pid, name); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return failf("SMOLVM_ERROR", "process %d still alive after SIGTERM+SIGKILL", pid)
		}
	}
	return nil
}
