package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// envSupervisor names the variable that makes a program a supervisor: the
// folder of its instance.
const envSupervisor = "BOT_BOTTLE_FAKE_SUPERVISOR"

// envValues names the variable with what the record does not keep, as JSON: a
// list of K=V.
const envValues = "BOT_BOTTLE_FAKE_VALUES"

// lifetime bounds what a killed test leaves behind.
const lifetime = time.Hour

// mainCalled says that this program can be a supervisor.
var mainCalled bool

// Main makes the program a supervisor when it was started as one, and then
// does not return. Every program that uses the fake calls it before anything
// else: tests in TestMain, programs in main.
func Main() {
	mainCalled = true
	dir := os.Getenv(envSupervisor)
	if dir == "" {
		return
	}
	if os.Getpid() != 1 {
		// it kills everything that it can reach when it ends
		fmt.Fprintln(os.Stderr, "fake: a supervisor must be the first process of its namespace")
		os.Exit(2)
	}
	if err := supervise(dir); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Usable says why instances cannot run here; nil when they can. Tests skip
// with it.
func Usable() error {
	cmd := exec.Command(busybox, "true")
	cmd.SysProcAttr = namespaces("none")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("fake: needs a static %s (Debian: busybox-static) and the right to make namespaces (root or user namespaces): %w", busybox, err)
	}
	return nil
}

// namespaces are what an instance has for itself.
func namespaces(network string) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if network != "full" {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	return a
}

// The files that a supervisor is started with.
const (
	fdLock  = 3 // run.lock, locked: it lives as long as the supervisor
	fdReady = 4 // takes a JSON reply when the main process runs, or cannot
)

// launch starts the supervisor of an instance, which is nobody's child once
// this process ends, and waits until the main process runs.
// env is handed over in its environment, and nowhere else.
func (e *Engine) launch(ctx context.Context, r *record, bin string, env []string, launched func() error) error {
	if !mainCalled {
		return errors.New("fake: this program does not call fake.Main")
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	l, err := lockToGive(ctx, e.instance(r.ID, "run.lock"))
	if err != nil {
		return err
	}
	ready, w, err := os.Pipe()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer ready.Close()
	words, err := os.OpenFile(e.instance(r.ID, "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(err, w.Close(), l.Close())
	}
	values, err := json.Marshal(env)
	if err != nil {
		return errors.Join(err, w.Close(), l.Close(), words.Close())
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{envSupervisor + "=" + e.instance(r.ID), envBin + "=" + bin, envValues + "=" + string(values),
		"GORACE=atexit_sleep_ms=0"} // a race detector would make every end a second late
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.instance(r.ID), words, words
	cmd.ExtraFiles = []*os.File{l, w}
	cmd.SysProcAttr = namespaces(r.Spec.Network)
	err = cmd.Start()
	// closed, not unlocked: the lock is the supervisor's now
	err = errors.Join(err, l.Close(), w.Close(), words.Close())
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	go cmd.Wait() // so that it is no zombie while this process lives
	if err := launched(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Now()) })
	defer stop()
	var answer reply
	if err := newConn(fileConn{ready}).recvJSON(frameReply, &answer); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		said, _ := os.ReadFile(words.Name())
		return fmt.Errorf("the supervisor ended without a word (%w): %s", err, said)
	}
	if answer == (reply{}) {
		return nil
	}
	return errors.Join(answer.err(), e.ended(ctx, r.ID)) // it does not run when this is told
}

// lockToGive locks a file whose descriptor another process is to inherit,
// with the lock. Only those who ask whether it is locked may be in the way.
func lockToGive(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	for err == nil {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return f, nil
		}
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
			err = pause(ctx, time.Millisecond)
		}
	}
	if f != nil {
		f.Close()
	}
	return nil, err
}

// fileConn lets a pipe carry frames.
type fileConn struct{ *os.File }

func (fileConn) LocalAddr() net.Addr  { return nil }
func (fileConn) RemoteAddr() net.Addr { return nil }
