package inside

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

const (
	// settleTime is how long an ended process's output may pause before it is
	// taken to be all: somebody else may hold its streams open.
	settleTime = 200 * time.Millisecond
	// afterTime is how long it may go on at all then.
	afterTime = 5 * time.Second
	// readSize is how much is read of it at once.
	readSize = 32 << 10
)

// pump carries what a process prints.
type pump struct {
	files  []*os.File
	copies sync.WaitGroup
	ended  atomic.Pointer[time.Time]
}

// pumpOutput gives what p prints to emit, which may be called by two
// goroutines. When emit fails the rest is read and dropped.
func pumpOutput(p *process, emit func(kind byte, b []byte) error) *pump {
	pm := &pump{}
	for kind, f := range map[byte]*os.File{wire.KindOut: p.out, wire.KindErr: p.err} {
		if f == nil {
			continue
		}
		pm.files = append(pm.files, f)
		pm.copies.Go(func() { pm.copy(f, kind, emit) })
	}
	return pm
}

func (pm *pump) copy(f *os.File, kind byte, emit func(byte, []byte) error) {
	buf := make([]byte, readSize)
	var failed error
	for {
		if ended := pm.ended.Load(); ended != nil {
			f.SetReadDeadline(sooner(time.Now().Add(settleTime), ended.Add(afterTime)))
		}
		n, err := f.Read(buf)
		if n > 0 && failed == nil {
			failed = emit(kind, buf[:n])
		}
		if err != nil { // a terminal says EIO for its end
			return
		}
	}
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// finish waits for what is still to come of a process that has ended.
func (pm *pump) finish() {
	now := time.Now()
	pm.ended.Store(&now)
	for _, f := range pm.files {
		f.SetReadDeadline(now.Add(settleTime))
	}
	pm.copies.Wait()
}
