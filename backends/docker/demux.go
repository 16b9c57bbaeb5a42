package docker

import (
	"io"
	"strings"
	"sync"
)

// demux reads what a process without a terminal prints to stdout, out of an
// engine's frames. What it prints to stderr, or the engine in its name, is
// kept in part, to tell why.
func demux(stream io.Reader) (*io.PipeReader, *complaint) {
	out, in := io.Pipe()
	said := &complaint{}
	go func() {
		err := split(stream, false, in, said)
		in.CloseWithError(err) // nil: the end
	}()
	return out, said
}

// complaint keeps the beginning of what is written to it.
type complaint struct {
	mu   sync.Mutex
	text []byte
}

func (c *complaint) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p[:min(len(p), maxComplaint-len(c.text))]...)
	return len(p), nil
}

const maxComplaint = 1 << 10

// String is all of it in one line.
func (c *complaint) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(strings.Fields(string(c.text)), " ")
}
