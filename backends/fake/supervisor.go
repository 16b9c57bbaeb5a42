package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// supervisor is the first process of an instance.
type supervisor struct {
	dir  string
	rec  record
	root string
	log  *logFile
	main *process

	gone atomic.Bool // the folder went: nobody wants to know

	mu      sync.Mutex
	clients map[*client]bool
	ending  bool
	execs   sync.WaitGroup
}

func supervise(dir string) error {
	syscall.CloseOnExec(fdLock)
	ready := os.NewFile(fdReady, "ready")
	syscall.CloseOnExec(fdReady)
	s := &supervisor{dir: dir, root: filepath.Join(dir, "root"), clients: map[*client]bool{}}
	err := s.begin()
	answer := newConn(fileConn{ready})
	if err != nil {
		err = errors.Join(err, s.finish(exit{Code: backends.FailureCode(err), Failed: true, Detail: err.Error()}))
		return errors.Join(answer.sendJSON(frameReply, replyTo(err)))
	}
	if err := errors.Join(answer.sendJSON(frameReply, reply{}), ready.Close()); err != nil && !errors.Is(err, syscall.EPIPE) {
		return err // EPIPE: who started it does not wait any more
	}
	go s.watch()
	code := s.main.wait()
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	killAll()
	s.main.drained()
	s.execsEnd()
	return s.finish(exit{Code: code})
}

// execsEnd lets the commands tell their clients that they were killed. A
// client that takes nothing is not waited for long.
func (s *supervisor) execsEnd() {
	done := make(chan struct{})
	go func() { s.execs.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
	}
}

// begin prepares the files, connects who waits, and runs the main process.
func (s *supervisor) begin() (err error) {
	if err = readJSON(filepath.Join(s.dir, "instance.json"), &s.rec); err != nil {
		return err
	}
	var values []string
	if err = json.Unmarshal([]byte(os.Getenv(envValues)), &values); err != nil {
		return fmt.Errorf("values of variables: %w", err)
	}
	s.rec.Spec.Env = append(s.rec.Spec.Env, values...)
	if err = arrange(s.root, os.Getenv(envBin), s.rec.Spec); err != nil {
		return err
	}
	if s.log, err = openLog(filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	if err = os.Chdir(s.dir); err != nil {
		return err
	}
	for _, stale := range []string{"s", "paused"} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	l, err := net.Listen("unix", "s") // in the current folder: a path of any length
	if err != nil {
		return err
	}
	s.main, err = s.prepareMain()
	if err != nil {
		return err
	}
	if err = s.connectWaiting(); err != nil {
		return err
	}
	if err = s.main.start(s.output); err != nil {
		return err
	}
	go s.accept(l)
	return nil
}

// finish records the end and lets the clients go.
func (s *supervisor) finish(end exit) error {
	end.Run, end.Ended = s.rec.Run, time.Now()
	var err error
	if !s.gone.Load() { // nothing is written where somebody is just deleting
		err = writeJSON(filepath.Join(s.dir, "exit.json"), end)
	}
	if s.log != nil {
		err = errors.Join(err, s.log.close())
	}
	s.mu.Lock()
	s.ending = true
	clients := s.clients
	s.clients = nil
	s.mu.Unlock()
	for c := range clients {
		c.close(end.Code)
	}
	return err
}

// watch ends an instance whose folder is gone or that is too old.
func (s *supervisor) watch() {
	for begin := time.Now(); time.Since(begin) < lifetime; time.Sleep(time.Second) {
		if _, err := os.Stat(filepath.Join(s.dir, "instance.json")); err != nil {
			s.gone.Store(true)
			break
		}
	}
	killAll()
}

// killAll ends every process of the namespace but this one.
func killAll() {
	if os.Getpid() == 1 {
		syscall.Kill(-1, syscall.SIGKILL)
	}
}

func (s *supervisor) accept(l net.Listener) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(newConn(raw))
	}
}

// serve answers one client.
func (s *supervisor) serve(c *conn) {
	defer c.Close()
	var q request
	if err := c.recvJSON(frameRequest, &q); err != nil {
		return
	}
	switch q.Op {
	case opExec:
		s.exec(c, q.Command)
	case opAttach:
		if client := s.join(c, q.Read); client != nil {
			client.serve()
			s.leave(client)
		}
	default:
		c.sendJSON(frameReply, replyTo(s.order(q.Op)))
	}
}

func (s *supervisor) order(op string) error {
	paused := filepath.Join(s.dir, "paused")
	switch op {
	case opTerminate:
		return s.main.signal(syscall.SIGTERM)
	case opKill:
		return s.main.signal(syscall.SIGKILL)
	case opPause:
		return errors.Join(os.WriteFile(paused, nil, 0o600), syscall.Kill(-1, syscall.SIGSTOP))
	case opUnpause:
		return errors.Join(os.Remove(paused), syscall.Kill(-1, syscall.SIGCONT))
	}
	return fmt.Errorf("no operation %q", op)
}
