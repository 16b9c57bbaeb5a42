package fakesmolvm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// request is what a command asks of the agent in a machine. A command to run
// brings its three streams as file descriptors.
type request struct {
	Launch bool
	Stop   bool
	Grace  int
	Argv   []string
	Env    []string
	Dir    string
	User   string
	Detach bool
}

type answer struct {
	Error string
	Code  int
	PID   int
}

// boot is a micro-VM: the first process of its namespaces. It never returns.
func boot(config string) {
	err := vm(config) // it serves until something breaks
	_ = os.WriteFile(filepath.Join(filepath.Dir(config), "agent-startup-error.log"), []byte(err.Error()), 0o644)
	os.Exit(1)
}

type agent struct {
	plan plan
	env  []string
	log  *os.File
	mu   sync.Mutex
	main *exec.Cmd
	over chan struct{}
}

func vm(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	a := &agent{over: make(chan struct{})}
	if err := json.Unmarshal(text, &a.plan); err != nil {
		return err
	}
	a.env = append(append([]string{"HOME=/root", "TERM=xterm-256color", "PATH=/bin"}, a.plan.Env...), os.Environ()...)
	if a.log, err = os.OpenFile(filepath.Join(a.plan.Dir, "workload.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return err
	}
	l, err := net.Listen("unix", filepath.Join(a.plan.Dir, "agent.sock"))
	if err != nil {
		return err
	}
	if err := a.furnish(); err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go a.serve(c.(*net.UnixConn))
	}
}

// furnish makes the root of the machine the root of this process.
func (a *agent) furnish() error {
	root := filepath.Join(a.plan.Dir, "root")
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	for _, d := range []string{"proc", "dev", "tmp", "root", "etc", strings.TrimPrefix(a.plan.Record.Workdir, "/")} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o1777|os.ModeSticky); err != nil {
		return err
	}
	if err := unix.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("proc: %w", err)
	}
	if err := unix.Mount("/dev", filepath.Join(root, "dev"), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	for _, v := range a.plan.Record.Volumes {
		target := filepath.Join(root, v.Target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(v.Source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", v.Target, err)
		}
		if v.ReadOnly {
			if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				return fmt.Errorf("mount %s: %w", v.Target, err)
			}
		}
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return os.Chdir("/")
}

func (a *agent) serve(c *net.UnixConn) {
	defer c.Close()
	buf, oob := make([]byte, 1<<20), make([]byte, 256)
	n, on, _, _, err := c.ReadMsgUnix(buf, oob)
	if err != nil || n == 0 {
		return
	}
	var q request
	dec := json.NewDecoder(io.MultiReader(strings.NewReader(string(buf[:n])), c))
	if dec.Decode(&q) != nil {
		return
	}
	files := received(oob[:on])
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var out answer
	switch {
	case q.Launch:
		out = a.launch()
	case q.Stop:
		a.halt(time.Duration(q.Grace) * time.Second)
	default:
		out = a.exec(c, q, files)
	}
	_ = json.NewEncoder(c).Encode(out)
}

func received(oob []byte) (files []*os.File) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range msgs {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "stream"))
		}
	}
	return files
}

func (a *agent) command(argv, env []string, dir, user string) (*exec.Cmd, error) {
	path := lookIn(argv[0], env)
	if path == "" {
		return nil, fmt.Errorf("executable file `%s` not found in $PATH: No such file or directory", argv[0])
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Dir: dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if uid, gid, ok := strings.Cut(user, ":"); ok && user != "0:0" {
		u, err1 := strconv.ParseUint(uid, 10, 32)
		g, err2 := strconv.ParseUint(gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u), Gid: uint32(g)}
	}
	return cmd, nil
}

func lookIn(name string, env []string) string {
	if strings.Contains(name, "/") {
		if st, err := os.Stat(name); err != nil || st.IsDir() {
			return ""
		}
		return name
	}
	for _, kv := range env {
		if dirs, ok := strings.CutPrefix(kv, "PATH="); ok {
			for _, d := range filepath.SplitList(dirs) {
				if st, err := os.Stat(filepath.Join(d, name)); err == nil && !st.IsDir() {
					return filepath.Join(d, name)
				}
			}
		}
	}
	return ""
}

// launch runs the workload; what becomes of it is nobody's business.
func (a *agent) launch() answer {
	r := a.plan.Record
	if len(r.Cmd) == 0 {
		return answer{}
	}
	cmd, err := a.command(r.Cmd, a.env, orRoot(r.Workdir), r.User)
	if err != nil {
		return answer{Error: err.Error()}
	}
	cmd.SysProcAttr.Pdeathsig = 0 // it dies with the namespace
	cmd.Stdout, cmd.Stderr = a.log, a.log
	if err := cmd.Start(); err != nil {
		return answer{Error: err.Error()}
	}
	a.mu.Lock()
	a.main = cmd
	a.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		close(a.over)
	}()
	return answer{}
}

func orRoot(dir string) string {
	if dir == "" {
		return "/"
	}
	return dir
}

// halt asks the workload to end and waits.
func (a *agent) halt(grace time.Duration) {
	a.mu.Lock()
	main := a.main
	a.mu.Unlock()
	if main == nil {
		return
	}
	_ = main.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.over:
	case <-time.After(grace):
	}
}

// exec runs one more command, which ends with the connection that asked for
// it.
func (a *agent) exec(c net.Conn, q request, files []*os.File) answer {
	if len(files) != 3 {
		return answer{Error: "three streams are wanted"}
	}
	cmd, err := a.command(q.Argv, append(append([]string{}, a.env...), q.Env...), q.Dir, q.User)
	if err != nil {
		return answer{Error: err.Error(), Code: 255}
	}
	cmd.SysProcAttr.Pdeathsig = 0
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
	if err := cmd.Start(); err != nil {
		return answer{Error: err.Error(), Code: 255}
	}
	if q.Detach {
		go func() { _ = cmd.Wait() }()
		return answer{PID: cmd.Process.Pid}
	}
	for _, f := range files {
		f.Close()
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c)
	}()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-gone:
		_ = cmd.Process.Kill()
		<-done
	}
	ws, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return answer{Code: 128 + int(ws.Signal())}
	}
	return answer{Code: ws.ExitStatus()}
}
