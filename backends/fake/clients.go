package fake

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// client is an attachment, as the supervisor sees it. A slow one holds up
// neither the process nor the others: what it has not taken yet is queued.
type client struct {
	s    *supervisor
	c    *conn
	read bool

	mu    sync.Mutex
	more  sync.Cond
	queue []frame
	shut  bool
	done  chan struct{}
}

type frame struct {
	kind byte
	b    []byte
}

// join makes a connection an attachment, and tells it so before anything
// else; nil when the end has come.
func (s *supervisor) join(c *conn, read bool) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil
	}
	yes, err := json.Marshal(reply{})
	if err != nil {
		return nil
	}
	client := &client{s: s, c: c, read: read, queue: []frame{{frameReply, yes}}, done: make(chan struct{})}
	client.more.L = &client.mu
	s.clients[client] = true
	go client.deliver()
	return client
}

func (s *supervisor) leave(c *client) {
	s.mu.Lock()
	delete(s.clients, c)
	s.mu.Unlock()
	c.push(0, nil)
}

// output is what the main process printed: for the log and every client.
func (s *supervisor) output(kind byte, b []byte) {
	s.log.add(kind, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.push(kind, b)
	}
}

// push queues bytes; kind 0 is the end.
func (c *client) push(kind byte, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kind == 0 {
		c.shut = true
	} else {
		c.queue = append(c.queue, frame{kind, b})
	}
	c.more.Signal()
}

func (c *client) deliver() {
	defer close(c.done)
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.shut {
			c.more.Wait()
		}
		queue := c.queue
		c.queue = nil
		c.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			if c.c.send(f.kind, f.b) != nil {
				return // serve sees it too
			}
		}
	}
}

// serve takes what the client types until it leaves.
func (c *client) serve() {
	for {
		kind, payload, err := c.c.recv()
		if err != nil {
			return
		}
		if c.read {
			continue
		}
		if kind == frameSize {
			resized(c.s.main, payload)
			continue
		}
		c.s.main.take(kind, payload)
	}
}

func resized(p *process, payload []byte) {
	var size backends.Size
	if json.Unmarshal(payload, &size) == nil {
		p.resize(size)
	}
}

// close gives a client what is still its, and then the end. One that takes
// nothing does not hold up the others for long.
func (c *client) close(code int) {
	c.c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	c.push(0, nil)
	<-c.done
	c.c.sendJSON(frameExit, code)
	c.c.Close()
}

// connectWaiting connects the clients that attached before the start. They
// are there before the main process says its first word.
func (s *supervisor) connectWaiting() error {
	sockets, err := filepath.Glob("wait-*")
	if err != nil {
		return err
	}
	for _, socket := range sockets {
		raw, err := net.Dial("unix", socket)
		if err != nil {
			continue // that client died
		}
		c := newConn(raw)
		var q request
		c.SetDeadline(time.Now().Add(2 * time.Second))
		if c.recvJSON(frameRequest, &q) != nil {
			c.Close()
			continue
		}
		c.SetDeadline(time.Time{})
		client := s.join(c, q.Read)
		s.main.resize(q.Command.Size)
		go func() {
			client.serve()
			s.leave(client)
			c.Close()
		}()
	}
	return nil
}

func (s *supervisor) prepareMain() (*process, error) {
	spec := s.rec.Spec
	return prepare(s.root, spec, backends.Command{Argv: spec.Argv, TTY: spec.TTY, Stdin: spec.Stdin})
}

// exec runs one more command for a client, which may leave: then a command
// that is not detached ends.
func (s *supervisor) exec(c *conn, cmd backends.Command) {
	replied := make(chan struct{}) // nothing is printed before the reply
	p, err := s.run(cmd, func(kind byte, b []byte) {
		<-replied
		c.send(kind, b) // a client that left is noticed below
	})
	if err != nil {
		c.sendJSON(frameReply, replyTo(err))
		return
	}
	defer s.execs.Done()
	err = c.sendJSON(frameReply, reply{})
	close(replied)
	if cmd.Detach {
		c.Close()
	} else {
		go func() {
			for err == nil {
				var kind byte
				var payload []byte
				if kind, payload, err = c.recv(); kind == frameSize {
					resized(p, payload)
				} else if err == nil {
					p.take(kind, payload)
				}
			}
			p.killGroup()
		}()
	}
	code := p.wait()
	p.drained()
	c.sendJSON(frameExit, code)
}

func (s *supervisor) run(cmd backends.Command, output func(byte, []byte)) (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil, backends.ErrNotRunning
	}
	if len(cmd.Argv) == 0 {
		return nil, fmt.Errorf("%w: no command", backends.ErrBadRequest)
	}
	p, err := prepare(s.root, s.rec.Spec, cmd)
	if err == nil {
		err = p.start(output)
	}
	if err == nil {
		s.execs.Add(1)
	}
	return p, err
}
