package inside

import (
	"slices"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

const (
	// maxQueue is how much output waits for one client before the agent does;
	// maxLag, before a terminal is given a redraw in its place.
	maxQueue = 4 << 20
	maxLag   = 1 << 20
	// A client whose queue is full holds the agent up, so that it misses
	// nothing, as long as it takes minTaken in each patience. One that takes
	// less (a stopped terminal, a dead connection) is dropped.
	patience = time.Second
	minTaken = 256 << 10
	// maxWaiting is where a client is dropped that takes nothing and still
	// wants more said.
	maxWaiting = maxQueue + 3*maxKept
)

// client is one attachment. Its output is queued, so that a slow one holds up
// neither the others nor, for long, the agent: a terminal that cannot keep up
// misses output and gets a redraw.
type client struct {
	conn    *link
	refresh func(*client) // gives it a redraw; nil: it is no terminal

	mu      sync.Mutex
	queue   [][]byte // frames
	queued  int      // bytes in it
	taken   int64    // bytes written in all
	closing bool     // nothing more comes: end when the queue is empty
	broken  bool
	stale   bool          // output was left out: a redraw is due when the queue is empty
	under   int           // bytes it typed that have not gone to the agent
	more    chan struct{} // something was queued, or it is closing
	room    chan struct{} // something was taken
	flushed chan struct{} // closed when all was written, or cannot be
}

func newClient(conn *link, refresh func(*client)) *client {
	c := &client{conn: conn, refresh: refresh, more: make(chan struct{}, 1), room: make(chan struct{}, 1), flushed: make(chan struct{})}
	go c.deliver()
	return c
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// put queues frames whatever their size: what is said once, and a replay.
func (c *client) put(frames ...[]byte) {
	c.mu.Lock()
	for _, f := range frames {
		c.queue = append(c.queue, f)
		c.queued += len(f)
	}
	over := c.queued > maxWaiting
	c.mu.Unlock()
	if over {
		c.drop()
		return
	}
	ring(c.more)
}

// spend counts what the client typed, within its share.
func (c *client) spend(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.under += n
	return c.under <= wire.Window
}

// earn tells the client that the agent took some of it.
func (c *client) earn(n int) {
	c.mu.Lock()
	c.under -= n
	c.mu.Unlock()
	c.put(wire.Append(nil, wire.KindTaken, wire.PackTaken(n)))
}

// flush waits until all is written, as long as the client goes on taking.
func (c *client) flush() bool {
	return c.makesRoom(func() bool { return c.queued == 0 })
}

// offer queues output, when there is room for it or is made in time. False:
// the client is too slow, or gone, and was dropped.
func (c *client) offer(frame []byte) bool {
	if c.refresh != nil {
		if c.lags(len(frame)) {
			ring(c.more)
		} else {
			c.put(frame)
		}
		return true
	}
	c.mu.Lock()
	full := c.queued > 0 && c.queued+len(frame) > maxQueue
	broken := c.broken
	c.mu.Unlock()
	if broken {
		return false
	}
	if full && !c.makesRoom(func() bool { return c.queued+len(frame) <= maxQueue || c.queued == 0 }) {
		c.drop()
		return false
	}
	c.put(frame)
	return true
}

// lags says whether n bytes more are left out, for a terminal that is behind.
// What waits for it is let go with them.
func (c *client) lags(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stale && (c.queued == 0 || c.queued+n <= maxLag) {
		return false
	}
	c.stale = true
	c.queue = slices.DeleteFunc(c.queue, func(f []byte) bool {
		out := f[0] == wire.KindOut
		if out {
			c.queued -= len(f)
		}
		return out
	})
	return true
}

// behind says whether a redraw is due.
func (c *client) behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stale
}

// resume goes on with a redraw. Its caller keeps output away meanwhile.
func (c *client) resume(redraw [][]byte) {
	c.mu.Lock()
	c.stale = false
	c.mu.Unlock()
	c.put(redraw...)
}

// makesRoom waits until enough says so, as long as the client goes on taking.
func (c *client) makesRoom(enough func() bool) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	c.mu.Lock()
	before := c.taken
	c.mu.Unlock()
	for {
		late := false
		select {
		case <-c.room:
		case <-c.flushed:
		case <-timer.C:
			late = true
		}
		c.mu.Lock()
		ok, broken, taken := enough(), c.broken, c.taken
		c.mu.Unlock()
		switch {
		case ok:
			return true
		case broken, late && taken-before < minTaken:
			return false
		case late:
			before = taken
			timer.Reset(patience)
		}
	}
}

// deliver writes what is queued.
func (c *client) deliver() {
	defer close(c.flushed)
	for range c.more {
		for {
			c.mu.Lock()
			queue, end, stale := c.queue, c.closing, c.stale
			c.queue = nil
			c.mu.Unlock()
			switch {
			case len(queue) > 0:
			case end:
				c.conn.shutWrite()
				return
			case stale:
				c.refresh(c)
				continue
			}
			if len(queue) == 0 {
				break
			}
			for _, frame := range queue {
				n, err := c.conn.Write(frame)
				c.mu.Lock()
				c.taken += int64(n)
				c.queued -= len(frame)
				c.broken = c.broken || err != nil
				c.mu.Unlock()
				ring(c.room)
				if err != nil {
					return
				}
			}
		}
	}
}

// finish says the last word. The client is done when it hangs up.
func (c *client) finish(frame []byte) {
	c.put(frame)
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	ring(c.more)
}

// drop breaks the connection off.
func (c *client) drop() {
	c.mu.Lock()
	c.broken, c.closing, c.queue = true, true, nil
	c.mu.Unlock()
	c.conn.Close()
	ring(c.more)
}
