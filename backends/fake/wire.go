package fake

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// A supervisor and its clients exchange frames over a Unix socket: a letter,
// the length in four bytes, and the payload.
const (
	frameRequest = 'q' // JSON request, first and once
	frameReply   = 'r' // JSON reply
	frameIn      = 'i' // bytes for stdin
	frameInEnd   = 'e' // stdin has ended
	frameSize    = 'w' // JSON backends.Size
	frameOut     = '1' // bytes of stdout
	frameErr     = '2' // bytes of stderr
	frameExit    = 'x' // JSON exit code
)

// request is what a client wants of a supervisor.
type request struct {
	Op      string
	Command backends.Command // for exec
	Read    bool             // attach without typing and resizing
}

// The operations.
const (
	opExec      = "exec"
	opAttach    = "attach"
	opTerminate = "terminate"
	opKill      = "kill"
	opPause     = "pause"
	opUnpause   = "unpause"
)

// reply says what came of a request: an error of package backends by its text.
type reply struct{ Kind, Detail string }

func replyTo(err error) reply {
	if err == nil {
		return reply{}
	}
	return reply{Kind: nameOf(err), Detail: err.Error()}
}

func (r reply) err() error {
	switch {
	case r.Kind != "":
		return fmt.Errorf("%w: %s", errorNamed(r.Kind), r.Detail)
	case r.Detail != "":
		return errors.New(r.Detail)
	}
	return nil
}

// conn carries frames. Sending is safe from several goroutines.
type conn struct {
	net.Conn
	in *bufio.Reader
	mu sync.Mutex
}

func newConn(c net.Conn) *conn { return &conn{Conn: c, in: bufio.NewReader(c)} }

func (c *conn) send(kind byte, payload []byte) error {
	head := make([]byte, 5, 5+len(payload))
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(payload)))
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Write(append(head, payload...))
	return err
}

func (c *conn) sendJSON(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(kind, b)
}

func (c *conn) recv() (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err = io.ReadFull(c.in, payload)
	return head[0], payload, err
}

// recvJSON reads a frame that must be of one kind.
func (c *conn) recvJSON(want byte, into any) error {
	kind, payload, err := c.recv()
	if err != nil {
		return err
	}
	if kind != want {
		return fmt.Errorf("frame %q, want %q", kind, want)
	}
	return json.Unmarshal(payload, into)
}

// through calls f with a path of the socket that is short enough: the path of
// a test's folder may be longer than the 108 bytes of an address.
func through(socket string, f func(path string) error) error {
	dir, err := os.OpenFile(filepath.Dir(socket), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return f("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(socket))
}

func dial(ctx context.Context, socket string) (c *conn, err error) {
	err = through(socket, func(path string) error {
		var d net.Dialer
		raw, err := d.DialContext(ctx, "unix", path)
		c = newConn(raw)
		return err
	})
	return c, err
}

// connect reaches the supervisor of an instance and asks. While it starts it
// has no socket yet.
func (e *Engine) connect(ctx context.Context, id string, q request) (*conn, error) {
	for {
		runs, err := e.runs(id)
		if err != nil {
			return nil, err
		}
		if !runs {
			return nil, backends.ErrNotRunning
		}
		if c, err := dial(ctx, e.instance(id, "s")); err == nil {
			var r reply
			stop := context.AfterFunc(ctx, func() { c.Close() })
			if err = c.sendJSON(frameRequest, q); err == nil {
				err = c.recvJSON(frameReply, &r)
			}
			if !stop() {
				return nil, ctx.Err()
			}
			if err == nil {
				if err := r.err(); err != nil {
					c.Close()
					return nil, err
				}
				return c, nil
			}
			c.Close() // it ended under our hands: see whether it runs
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// tell asks for something that has no more to say. Of what does not run
// nothing is wanted.
func (e *Engine) tell(ctx context.Context, id string, q request) error {
	c, err := e.connect(ctx, id, q)
	if errors.Is(err, backends.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.Close()
}
