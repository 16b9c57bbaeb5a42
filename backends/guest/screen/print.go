package screen

import (
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/clipperhouse/uax29/v2/graphemes"
)

// printASCII prints a run of printable ASCII.
func (s *Screen) printASCII(p []byte) {
	if s.shift != 0 || s.charsets[s.gl] != ascii || s.has(modeInsert) {
		for _, b := range p {
			s.print(rune(b))
		}
		return
	}
	for len(p) > 0 {
		if s.pending {
			s.wrap()
		}
		cells := s.g.lines[s.row].cells
		n := min(len(p), len(cells)-s.col)
		end := s.col + n
		s.cut(cells, s.col)
		s.cut(cells, end)
		to, with := cells[s.col:end], s.pen
		for i, b := range p[:n] {
			to[i] = cell{ch: uint32(b), pen: with}
		}
		s.advance(n)
		p = p[n:]
	}
	s.joins = true
}

// print prints a character, or adds it to the one before.
func (s *Screen) print(r rune) {
	if r < utf8.RuneSelf {
		s.put(uint32(s.translate(r)), 1)
		return
	}
	s.shift = 0
	w := displaywidth.Rune(r)
	if (s.joins || w == 0) && s.join(r, w) || w == 0 {
		return
	}
	s.put(uint32(r), min(w, 2))
}

// put prints what takes w cells.
func (s *Screen) put(ch uint32, w int) {
	if w > s.cols {
		return
	}
	if s.pending {
		s.wrap()
	}
	if s.col+w > s.cols {
		if s.has(modeWrap) {
			s.erase(s.row, s.col, s.cols)
			s.wrap()
		} else {
			s.col = s.cols - w
		}
	}
	if s.has(modeInsert) {
		s.insert(s.col, w)
	}
	cells := s.g.lines[s.row].cells
	s.cut(cells, s.col)
	s.cut(cells, s.col+w)
	cells[s.col] = cell{ch: ch, pen: s.pen}
	if w == 2 {
		cells[s.col].ch |= wide
		cells[s.col+1] = cell{ch: tail, pen: s.pen}
	}
	s.advance(w)
	s.joins = true
}

// advance moves the cursor behind what was printed. At the end of the row it
// stays, and the next character wraps.
func (s *Screen) advance(n int) {
	s.col += n
	if s.col >= s.cols {
		s.col, s.pending = s.cols-1, true
	}
}

// wrap begins the next row, if rows wrap.
func (s *Screen) wrap() {
	s.pending = false
	if !s.has(modeWrap) {
		return
	}
	if s.row == s.bottom || s.row < s.rows-1 {
		s.g.lines[s.row].wrapped = true
	}
	s.col = 0
	s.index()
}

// before is the column of the cell that was printed before the cursor; -1:
// there is none in this row.
func (s *Screen) before() int {
	c := s.col
	if !s.pending {
		c--
	}
	if c > 0 && s.g.lines[s.row].cells[c].isTail() {
		c--
	}
	return c
}

// join adds a character to the cell before the cursor: one without a width
// always, another one if both make one cluster. It is dropped where the cell
// has no room for it.
func (s *Screen) join(r rune, w int) bool {
	at := s.before()
	if at < 0 {
		return false
	}
	c := &s.g.lines[s.row].cells[at]
	s.scratch = s.appendText(s.scratch[:0], c)
	s.scratch = utf8.AppendRune(s.scratch, r)
	if w > 0 && !single(s.scratch) {
		return false
	}
	widens := !c.isWide() && displaywidth.Bytes(s.scratch) > 1
	if len(s.scratch) > maxClusterBytes || widens && (at+1 >= s.cols || s.pending) {
		return true
	}
	n, ok := s.cluster(s.scratch)
	if !ok {
		return true
	}
	c.ch = cluster | n | c.ch&wide
	if widens {
		cells := s.g.lines[s.row].cells
		s.cut(cells, at+2)
		c.ch |= wide
		cells[at+1] = cell{ch: tail, pen: c.pen}
		s.col = at + 1
		s.advance(1)
	}
	return true
}

// single says whether a text is one cluster.
func single(text []byte) bool {
	n, _, _ := graphemes.SplitFunc(text, true)
	return n == len(text)
}

// repeat prints the cell before the cursor n times more.
func (s *Screen) repeat(n int) {
	at := s.before()
	if !s.joins || at < 0 {
		return
	}
	c, w := s.g.lines[s.row].cells[at], 1
	if c.isWide() {
		w = 2
	}
	// More than two screens full is nothing that a program means.
	for range min(n, 2*s.rows*s.cols, maxParam) {
		s.put(c.ch&^wide, w)
	}
}
