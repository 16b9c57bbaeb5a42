package guest

import (
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/keys"
)

// holdTime is how long what may become the detach keys is kept from the agent:
// long enough for two keys, and short enough for a key of its own.
const holdTime = 200 * time.Millisecond

// typing sends what a user types, less the detach keys.
type typing struct {
	call *call
	keys *keys.Sequence

	mu    sync.Mutex
	timer *time.Timer // nil: nothing is held
}

func (t *typing) send(p []byte, last bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	out := t.keys.Pass(p)
	if last {
		out = append(out[:len(out):len(out)], t.keys.Release()...)
	}
	if t.keys.Holds() {
		t.timer = time.AfterFunc(holdTime, t.release)
	}
	return t.call.send(out)
}

// release sends what was held when no more came. Something that came in this
// very moment has done so already.
func (t *typing) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.call.send(t.keys.Release())
}
