package screen

import (
	"encoding/binary"
	"unicode/utf8"
)

// history is the scrollback: records of lines, the oldest first. It is the
// longest end of all lines so far that is not over the limit, so it depends on
// nothing but the lines.
type history struct {
	limit int
	buf   []byte
	head  int // where the oldest record begins
	rec   record
	stale bool // lines are of another width than the screen
}

func (h *history) clear() { h.buf, h.head, h.stale = h.buf[:0], 0, false }

// keep takes a line that leaves the primary screen.
func (s *Screen) keep(l *line) {
	h := &s.history
	if h.limit <= 0 {
		return
	}
	cells := l.cells
	if !l.wrapped {
		cells = trim(cells)
	}
	r := &h.rec
	r.begin()
	for i := 0; i < len(cells); {
		p := cells[i].pen
		if cells[i].isTail() { // of a cluster
			i++
			continue
		}
		if cells[i].ch&cluster != 0 {
			r.open(s.style(p), true)
			r.b = s.appendText(r.b, &cells[i])
			i++
			continue
		}
		r.open(s.style(p), false)
		text := r.b
		for ; i < len(cells) && cells[i].pen == p && cells[i].ch&cluster == 0; i++ {
			switch ch := cells[i].ch; {
			case ch < utf8.RuneSelf:
				text = append(text, byte(ch))
			case ch != tail:
				text = utf8.AppendRune(text, rune(ch&chMask))
			}
		}
		r.b = text
	}
	h.add(r.end(l.wrapped))
}

// add keeps a record and drops those that are too old for that.
func (h *history) add(rec []byte) {
	if len(rec) > h.limit {
		h.clear()
		return
	}
	for len(h.buf)-h.head+len(rec) > h.limit {
		h.head += recordSize(h.buf[h.head:])
	}
	if len(h.buf)+len(rec) > cap(h.buf) {
		// Room for a quarter more than what may be kept, so that what is kept is
		// moved seldom.
		most := h.limit + h.limit/4
		live := h.buf[h.head:]
		to := h.buf[:0]
		if need := len(live) + len(rec); cap(h.buf) < most && need > cap(h.buf)/2 {
			to = make([]byte, 0, min(max(2*need, 4096), most))
		}
		h.buf, h.head = append(to, live...), 0
	}
	h.buf = append(h.buf, rec...)
}

// each calls with every line, the oldest first.
func (h *history) each(see func(rec []byte)) {
	for b := h.buf[h.head:]; len(b) > 0; {
		n := recordSize(b)
		see(b[:n])
		b = b[n:]
	}
}

// rewrap brings all lines to a width. Where a line had wrapped, its text comes
// together again first.
func (h *history) rewrap(cols int) {
	old := history{buf: h.buf, head: h.head}
	h.buf, h.head, h.stale = nil, 0, false
	var r record
	col, goesOn := 0, false
	blanks := 0 // that are at the end of a line, unless more comes
	fill := func() {
		for ; blanks > 0; blanks-- {
			r.open(Style{}, false)
			r.b = append(r.b, ' ')
		}
	}
	old.each(func(rec []byte) {
		if !goesOn {
			r.begin()
			col, blanks = 0, 0
		}
		goesOn = decode(rec, func(text []byte, w int, st Style, together bool) {
			if w > cols {
				return
			}
			if col+w > cols {
				blanks += cols - col
				fill()
				h.add(r.end(true))
				r.begin()
				col = 0
			}
			col += w
			if text[0] == ' ' && len(text) == 1 && st == (Style{}) {
				blanks++
				return
			}
			fill()
			r.open(st, together)
			r.b = append(r.b, text...)
		})
		if !goesOn {
			h.add(r.end(false))
		}
	})
	if goesOn { // in the first row of the screen, which has another width now
		h.add(r.end(false))
	}
}

func recordSize(b []byte) int { return int(binary.LittleEndian.Uint32(b) >> 1) }
