package fakesmolvm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const bootCommand = "_boot-vm"

// plan is what a VM is told, in its boot-config.json.
type plan struct {
	Dir     string
	Record  record
	Env     []string
	Network bool
}

// secrets are the variables whose values come from this environment.
func (r *record) secrets() ([]string, error) {
	var out []string
	for _, s := range r.Secrets {
		name, from, _ := strings.Cut(s, "=")
		value, ok := os.LookupEnv(from)
		if !ok {
			return nil, failf("CONFIG_ERROR", "config operation failed: resolve secret '%s': env_unset", name)
		}
		out = append(out, name+"="+value)
	}
	return out, nil
}

func (w *world) start(o options) error {
	r, err := w.named(o)
	if err != nil {
		return err
	}
	if r.State == "running" && w.alive(r.PID, r.Name) && !w.faults.SilentAgent {
		fmt.Printf("Machine '%s' already running (PID: %d)\n", r.Name, r.PID)
		return nil
	}
	if pid := w.bootedPID(r.Name); pid != 0 {
		fmt.Fprintf(os.Stderr, "Killing orphaned _boot-vm process (PID %d) for machine '%s'\n", pid, r.Name)
		if err := w.end(pid, r.Name); err != nil {
			return err
		}
	}
	l := flock.New(w.machineDir(r.Name, "vm.lock"))
	if ok, err := l.TryLock(); err != nil || !ok {
		return errors.Join(err, failf("SMOLVM_ERROR", "agent operation failed: start machine: another process is already starting or running this VM"))
	}
	defer l.Close()
	fmt.Fprintf(os.Stderr, "Starting machine '%s' with %d mount(s)...\n", r.Name, len(r.Volumes))
	secrets, err := r.secrets()
	if err != nil {
		return err
	}
	pid, err := w.spawn(r, secrets)
	if err != nil {
		return err
	}
	for end := time.Now().Add(w.faults.StartDelay); time.Now().Before(end) && w.alive(pid, r.Name); time.Sleep(5 * time.Millisecond) {
	}
	if w.faults.StartFails != "" {
		return failf(w.faults.StartCode, "%s", w.faults.StartFails)
	}
	if err := w.launch(pid, r.Name); err != nil {
		return err
	}
	return w.locked(func() error { // only now, as smolvm does
		there, err := w.load(r.Name)
		if err != nil || there == nil {
			return errors.Join(err, failf("NOT_FOUND", "vm not found: %s", r.Name))
		}
		there.State, there.PID = "running", pid
		fmt.Printf("Machine '%s' running (PID: %d)\n", r.Name, pid)
		return w.save(there)
	})
}

// spawn makes the VM: a child of nobody, silent, in namespaces of its own.
func (w *world) spawn(r *record, secrets []string) (int, error) {
	config := w.machineDir(r.Name, "boot-config.json")
	env := append(append([]string{}, r.ImageEnv...), r.Env...)
	text, err := json.Marshal(plan{Dir: w.machineDir(r.Name), Record: *r, Network: r.Net, Env: env})
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return 0, err
	}
	_ = os.Remove(w.machineDir(r.Name, "agent.sock"))
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"/proc/self/exe", bootCommand, config}
	cmd.Env = secrets
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS |
			syscall.CLONE_NEWCGROUP}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 0, failf("SMOLVM_ERROR", "agent operation failed: start machine: %v", err)
	}
	pid := cmd.Process.Pid
	over := make(chan struct{})
	go func() { // so that it does not stay a zombie while we look
		_ = cmd.Wait()
		close(over)
	}()
	// Start returns a moment before the kernel has written the new command
	// line, and until then nothing tells the process from a dead one.
	for ended := false; !ended && !w.alive(pid, r.Name); {
		select {
		case <-over:
			ended = true
		case <-time.After(time.Millisecond):
		}
	}
	return pid, os.WriteFile(w.machineDir(r.Name, "agent.pid"), []byte(strconv.Itoa(pid)), 0o644)
}

// launch waits for the agent and has it run the workload.
func (w *world) launch(pid int, name string) error {
	for end := time.Now().Add(30 * time.Second); w.alive(pid, name); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", w.machineDir(name, "agent.sock"))
		if err != nil {
			if time.Now().After(end) {
				break
			}
			continue
		}
		defer c.Close()
		if err := json.NewEncoder(c).Encode(request{Launch: true}); err != nil {
			return failf("SMOLVM_ERROR", "agent operation failed: start background CMD: %v", err)
		}
		var a answer
		if err := json.NewDecoder(c).Decode(&a); err != nil || a.Error != "" {
			return failf("SMOLVM_ERROR", "agent operation failed: start background CMD: %v%s", err, a.Error)
		}
		return nil
	}
	if !w.alive(pid, name) {
		return failf("SMOLVM_ERROR", "agent operation failed: start machine: boot process was killed by SIGTERM")
	}
	return failf("SMOLVM_ERROR", "agent operation failed: start machine: agent operation failed: wait for ready: agent did not become ready within 30 seconds")
}

func (w *world) stop(o options) error {
	r, err := w.named(o)
	if err != nil {
		return err
	}
	state := w.state(r)
	if state != "running" && state != "unreachable" {
		if pid := w.bootedPID(r.Name); pid != 0 {
			fmt.Fprintf(os.Stderr, "Killing orphaned _boot-vm process (PID %d) for machine '%s'\n", pid, r.Name)
			if err := w.end(pid, r.Name); err != nil {
				return err
			}
		}
		if r.State == "running" {
			if err := w.stopped(r.Name); err != nil {
				return err
			}
		}
		fmt.Printf("Machine '%s' is not running (state: %s)\n", r.Name, state)
		return nil
	}
	fmt.Printf("Stopping machine '%s'...\n", r.Name)
	l := flock.New(w.machineDir(r.Name, "stop.lock")) // one stop at a time, the next one waits
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Close()
	grace := 10
	if o.has("--timeout") {
		if grace, err = strconv.Atoi(o.last("--timeout")); err != nil {
			return usage("invalid value for '--timeout'")
		}
	}
	if state == "running" && grace > 0 {
		w.ask(r.Name, request{Stop: true, Grace: grace})
	}
	if err := w.end(r.PID, r.Name); err != nil {
		return err
	}
	fmt.Println("Stopped machine:", r.Name)
	return w.stopped(r.Name)
}

func (w *world) stopped(name string) error {
	return w.locked(func() error {
		r, err := w.load(name)
		if err != nil || r == nil {
			return err
		}
		r.State, r.PID = "stopped", 0
		return w.save(r)
	})
}

// ask tells the agent something and waits for its answer; one that is silent
// is none.
func (w *world) ask(name string, q request) {
	c, err := net.Dial("unix", w.machineDir(name, "agent.sock"))
	if err != nil {
		return
	}
	defer c.Close()
	if json.NewEncoder(c).Encode(q) == nil {
		var a answer
		_ = json.NewDecoder(c).Decode(&a)
	}
}
