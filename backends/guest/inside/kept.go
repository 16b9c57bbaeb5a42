package inside

import "gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"

const (
	// maxKept is how much output of a run is kept for clients that come late,
	// and maxKeptShown where there is a screen to tell the rest.
	maxKept      = 4 << 20
	maxKeptShown = 512 << 10
	// keptChunk is the room of one piece of it.
	keptChunk = 32 << 10
)

// kept is the newest output of a run.
type kept struct {
	most   int // bytes; more are let go, oldest first
	pieces []piece
	bytes  int
	missed int64 // bytes that were let go
}

type piece struct {
	kind byte
	b    []byte
}

// add keeps a copy of b. What was handed out before is not changed: bytes are
// only added behind it.
func (k *kept) add(kind byte, b []byte) {
	k.bytes += len(b)
	if n := len(k.pieces); n > 0 && k.pieces[n-1].kind == kind && len(k.pieces[n-1].b)+len(b) <= keptChunk {
		k.pieces[n-1].b = append(k.pieces[n-1].b, b...)
	} else {
		k.pieces = append(k.pieces, piece{kind, append([]byte(nil), b...)})
	}
	for k.bytes > k.most {
		k.bytes -= len(k.pieces[0].b)
		k.missed += int64(len(k.pieces[0].b))
		k.pieces[0].b = nil
		k.pieces = k.pieces[1:]
	}
}

// frames is what is kept, as a client is sent it.
func (k *kept) frames() [][]byte {
	out := make([][]byte, 0, len(k.pieces))
	for _, p := range k.pieces {
		out = append(out, wire.Append(make([]byte, 0, len(p.b)+5), p.kind, p.b))
	}
	return out
}
