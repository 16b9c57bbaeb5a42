package screen

// Resize changes the size; 0 leaves a side, more than MaxSide is MaxSide.
// Nothing is wrapped anew: rows are cut or get blanks. Where the primary screen
// loses rows, those go first that are blank below the cursor, then those at the
// top, into the scrollback; the alternate one loses them at the bottom. New
// rows are blank and at the bottom. The margins go.
func (s *Screen) Resize(rows, cols int) {
	rows, cols = side(rows, s.rows), side(cols, s.cols)
	if rows == s.rows && cols == s.cols {
		return
	}
	up := s.shorten(rows)
	s.primary = s.primary.resized(rows, cols)
	if s.alternate.lines != nil {
		s.alternate = s.alternate.resized(rows, cols)
	}
	if cols != s.cols {
		s.history.stale = s.history.head < len(s.history.buf)
		s.defaultTabs(min(cols, s.cols))
	}
	s.rows, s.cols = rows, cols
	s.top, s.bottom = 0, rows-1
	if !s.onAlternate {
		s.row -= up
	}
	s.saved[0].row -= up
	s.joins = false
	for _, c := range []*cursor{&s.cursor, &s.saved[0], &s.saved[1]} {
		c.row, c.col = min(max(c.row, 0), rows-1), min(c.col, cols-1)
		c.pending = false
	}
}

// shorten makes the primary screen ready to lose rows, and says by how many its
// content moved up.
func (s *Screen) shorten(rows int) int {
	cursor := s.row
	if s.onAlternate {
		cursor = s.saved[0].row
	}
	lines := s.primary.lines
	for len(lines) > rows && len(lines) > cursor+1 && len(trim(lines[len(lines)-1].cells)) == 0 {
		lines = lines[:len(lines)-1]
	}
	up := max(len(lines)-rows, 0)
	for i := range lines[:up] {
		s.keep(&lines[i])
	}
	s.primary.lines = lines[up:]
	return up
}

// resized is a grid of another size with the same content.
func (g *grid) resized(rows, cols int) grid {
	n := newGrid(rows, cols)
	for i := range min(rows, len(g.lines)) {
		from, to := &g.lines[i], &n.lines[i]
		copy(to.cells, from.cells)
		if last := &to.cells[cols-1]; last.isWide() {
			last.ch = ' '
		}
		to.wrapped = from.wrapped && len(from.cells) == cols && i < rows-1
	}
	return n
}
