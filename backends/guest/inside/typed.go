package inside

import (
	"os"
	"sync"
)

// typed is what clients type, on its way to a process that may not read it.
// It takes what it is given at once: each client's share is bounded by
// wire.Window.
type typed struct {
	mu    sync.Mutex
	queue []input
	more  chan struct{}
}

// input is one piece; taken, if any, is called when it has gone.
type input struct {
	b     []byte
	end   bool // no more comes
	taken func()
}

// newTyped passes on to a process's stdin; nil is one that has none, where
// everything is taken and dropped.
func newTyped(to *os.File) *typed {
	t := &typed{more: make(chan struct{}, 1)}
	go t.pass(to)
	return t
}

func (t *typed) add(i input) {
	t.mu.Lock()
	t.queue = append(t.queue, i)
	t.mu.Unlock()
	ring(t.more)
}

func (t *typed) pass(to *os.File) {
	for range t.more {
		t.mu.Lock()
		queue := t.queue
		t.queue = nil
		t.mu.Unlock()
		for _, i := range queue {
			if to != nil && len(i.b) > 0 {
				if _, err := to.Write(i.b); err != nil { // it reads no more
					to.Close()
					to = nil
				}
			}
			if i.taken != nil {
				i.taken()
			}
			if i.end && to != nil {
				to.Close()
				to = nil
			}
		}
	}
}
