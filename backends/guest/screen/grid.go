package screen

// grid is the cells of a screen.
type grid struct {
	lines []line
}

type line struct {
	cells   []cell
	wrapped bool // the text goes on in the next line, by autowrap
}

func newGrid(rows, cols int) grid {
	g := grid{lines: make([]line, rows)}
	cells := make([]cell, rows*cols)
	fill(cells, blank(0))
	for i := range g.lines {
		g.lines[i].cells = cells[i*cols : (i+1)*cols : (i+1)*cols]
	}
	return g
}

func fill(cells []cell, c cell) {
	if len(cells) == 0 {
		return
	}
	cells[0] = c
	for n := 1; n < len(cells); n *= 2 {
		copy(cells[n:], cells[:n])
	}
}

// erase blanks the cells from a up to b of a row. A wide character that is cut
// loses its other half too.
func (s *Screen) erase(row, a, b int) {
	l := &s.g.lines[row]
	b = min(b, s.cols)
	if a >= b {
		return
	}
	s.cut(l.cells, a)
	s.cut(l.cells, b)
	fill(l.cells[a:b], blank(s.pen.bg))
	if b == s.cols {
		l.wrapped = false
	}
}

// cut empties a wide character whose halves are on both sides of column c.
func (s *Screen) cut(cells []cell, c int) {
	if c > 0 && c < len(cells) && cells[c].isTail() {
		cells[c-1].empty()
		cells[c].empty()
	}
}

// eraseRows blanks whole rows from a up to b.
func (s *Screen) eraseRows(a, b int) {
	for row := a; row < b; row++ {
		s.erase(row, 0, s.cols)
	}
}

// scrollUp moves the rows from top to bottom, both inside, up by n. What leaves
// the primary screen at its top is kept.
func (s *Screen) scrollUp(top, bottom, n int, keep bool) {
	region := s.g.lines[top : bottom+1]
	n = min(n, len(region))
	if keep && top == 0 && !s.onAlternate {
		for i := range region[:n] {
			s.keep(&region[i])
		}
	}
	if n == 1 {
		first := region[0]
		copy(region, region[1:])
		region[len(region)-1] = first
	} else {
		rotate(region, n)
	}
	s.eraseRows(bottom+1-n, bottom+1)
}

// scrollDown moves the rows from top to bottom, both inside, down by n.
func (s *Screen) scrollDown(top, bottom, n int) {
	region := s.g.lines[top : bottom+1]
	n = min(n, len(region))
	rotate(region, len(region)-n)
	s.eraseRows(top, top+n)
	// What it went on in has left the screen.
	region[len(region)-1].wrapped = false
}

// rotate brings element n to the front.
func rotate(l []line, n int) {
	reverse(l[:n])
	reverse(l[n:])
	reverse(l)
}

func reverse(l []line) {
	for i, j := 0, len(l)-1; i < j; i, j = i+1, j-1 {
		l[i], l[j] = l[j], l[i]
	}
}

// insert moves the cells from col on to the right by n and blanks what is free.
func (s *Screen) insert(col, n int) {
	l := &s.g.lines[s.row]
	n = min(n, s.cols-col)
	s.cut(l.cells, col)
	s.cut(l.cells, s.cols-n)
	copy(l.cells[col+n:], l.cells[col:s.cols-n])
	fill(l.cells[col:col+n], blank(s.pen.bg))
	l.wrapped = false
}

// remove takes n cells from col on out of the row.
func (s *Screen) remove(col, n int) {
	l := &s.g.lines[s.row]
	n = min(n, s.cols-col)
	s.cut(l.cells, col)
	s.cut(l.cells, col+n)
	copy(l.cells[col:], l.cells[col+n:])
	fill(l.cells[s.cols-n:], blank(s.pen.bg))
	l.wrapped = false
}

// align fills the screen with E (DECALN).
func (s *Screen) align() {
	for i := range s.g.lines {
		fill(s.g.lines[i].cells, cell{ch: 'E'})
		s.g.lines[i].wrapped = false
	}
	s.top, s.bottom = 0, s.rows-1
	s.moveTo(0, 0)
}
