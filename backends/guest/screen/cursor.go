package screen

// cursor is what DECSC saves.
type cursor struct {
	row, col int
	pending  bool // at the end of a row: the next character wraps
	pen      pen
	origin   bool // rows count from the top margin
	charsets [4]charset
	gl       int // which of them is used
}

// detach ends what only holds directly after a character was printed.
func (s *Screen) detach() { s.pending, s.joins = false, false }

// moveTo sets the cursor to a row and a column of the screen.
func (s *Screen) moveTo(row, col int) {
	s.detach()
	s.row, s.col = min(max(row, 0), s.rows-1), min(max(col, 0), s.cols-1)
}

// address sets the cursor to a row and a column as a program counts them, from
// 1 and, in origin mode, inside of the margins.
func (s *Screen) address(row, col int) {
	if s.origin {
		row = min(max(row, 1)+s.top, s.bottom+1)
	}
	s.moveTo(max(row, 1)-1, max(col, 1)-1)
}

func (s *Screen) home() { s.address(1, 1) }

// up moves by n rows and stops at the top margin.
func (s *Screen) up(n int) {
	stop := 0
	if s.row >= s.top {
		stop = s.top
	}
	s.moveTo(max(s.row-n, stop), s.col)
}

func (s *Screen) down(n int) {
	stop := s.rows - 1
	if s.row <= s.bottom {
		stop = s.bottom
	}
	s.moveTo(min(s.row+n, stop), s.col)
}

// index goes to the next row and scrolls at the bottom margin.
func (s *Screen) index() {
	s.detach()
	if s.row == s.bottom {
		s.scrollUp(s.top, s.bottom, 1, true)
	} else if s.row < s.rows-1 {
		s.row++
	}
}

func (s *Screen) reverseIndex() {
	s.detach()
	if s.row == s.top {
		s.scrollDown(s.top, s.bottom, 1)
	} else if s.row > 0 {
		s.row--
	}
}

// save is DECSC.
func (s *Screen) save() { s.saved[s.shown()] = s.cursor }

// restore is DECRC.
func (s *Screen) restore() {
	s.cursor = s.saved[s.shown()]
	if s.origin {
		row := min(max(s.row, s.top), s.bottom)
		s.pending = s.pending && row == s.row
		s.row = row
	}
	s.joins = s.pending
}

// shown is the number of the screen that is shown, as of s.saved and s.keys.
func (s *Screen) shown() int {
	if s.onAlternate {
		return 1
	}
	return 0
}

// margins is DECSTBM, rows counted from 1.
func (s *Screen) margins(top, bottom int) {
	if bottom == 0 || bottom > s.rows {
		bottom = s.rows
	}
	top = max(top, 1)
	if top > bottom || top == bottom && s.rows > 1 {
		return
	}
	s.top, s.bottom = top-1, bottom-1
	s.home()
}

const tabEvery = 8

// defaultTabs sets the tab stops from column from on.
func (s *Screen) defaultTabs(from int) {
	for c := from; c < len(s.tabs); c++ {
		s.tabs[c] = c%tabEvery == 0
	}
}

// tab goes n tab stops on, or back.
func (s *Screen) tab(n int) {
	c, step := s.col, 1
	if n < 0 {
		n, step = -n, -1
	}
	for n > 0 && c+step >= 0 && c+step < s.cols {
		if c += step; s.tabs[c] {
			n--
		}
	}
	s.moveTo(s.row, c)
}
