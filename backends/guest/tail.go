package guest

import "bytes"

// maxTail bounds what is kept for the last lines of a log.
const maxTail = 64 << 20

// tail keeps the last lines of two streams, in their order.
type tail struct {
	lines  int // wanted
	pieces []tailPiece
	ends   int // line ends in pieces
	bytes  int
}

type tailPiece struct {
	kind byte
	b    []byte
	ends int
}

// add keeps a copy of p and lets go of what is before the last lines.
func (t *tail) add(kind byte, p []byte) error {
	if t.lines == 0 {
		return nil
	}
	piece := tailPiece{kind, bytes.Clone(p), bytes.Count(p, []byte("\n"))}
	t.pieces = append(t.pieces, piece)
	t.ends += piece.ends
	t.bytes += len(p)
	// One end more than lines are wanted is where the first of them begins.
	for first := t.pieces[0]; t.ends-first.ends > t.lines || t.bytes > maxTail; first = t.pieces[0] {
		t.ends -= first.ends
		t.bytes -= len(first.b)
		t.pieces = t.pieces[1:]
	}
	return nil
}

// each gives the last lines piece by piece. A last line that has not ended
// counts as one.
func (t *tail) each(show func(kind byte, p []byte) error) error {
	if len(t.pieces) == 0 {
		return nil
	}
	lines := t.ends
	if last := t.pieces[len(t.pieces)-1].b; !bytes.HasSuffix(last, []byte("\n")) {
		lines++
	}
	for _, piece := range t.pieces {
		b := piece.b
		for ; lines > t.lines; lines-- {
			_, rest, found := bytes.Cut(b, []byte("\n"))
			if !found {
				break
			}
			b = rest
		}
		if lines > t.lines {
			continue // the rest of a line that is not wanted
		}
		if len(b) == 0 {
			continue
		}
		if err := show(piece.kind, b); err != nil {
			return err
		}
	}
	return nil
}
