package screen

// csiDispatch is a control sequence.
func (s *Screen) csiDispatch(final byte) {
	switch {
	case s.inters == 1:
		s.csiIntermediate(final)
	case s.prefix == '?':
		s.csiPrivate(final)
	case s.prefix != 0:
		s.csiPrefix(final)
	case s.csiState(final):
	default:
		s.detach()
		if !s.csiMove(final) {
			s.csiEdit(final)
		}
	}
}

// csiState are the sequences that move and change nothing on the screen.
func (s *Screen) csiState(final byte) bool {
	switch final {
	case 'm':
		s.sgr()
	case 'h', 'l':
		for i := range s.count {
			switch s.num(i, 0) {
			case 4:
				s.set(modeInsert, final == 'h')
			case 20:
				s.set(modeNewline, final == 'h')
			}
		}
	case 'b':
		s.repeat(s.times(0))
	case 's':
		s.save()
	case 'u':
		s.restore()
	case 'c', 'n', 't':
		s.query(final)
	case 'g':
		switch s.num(0, 0) {
		case 0:
			s.tabs[s.col] = false
		case 3:
			s.tabs = [MaxSide]bool{}
		}
	default:
		return false
	}
	return true
}

func (s *Screen) csiMove(final byte) bool {
	n := s.times(0)
	switch final {
	case 'A':
		s.up(n)
	case 'B', 'e':
		s.down(n)
	case 'C', 'a':
		s.moveTo(s.row, s.col+n)
	case 'D':
		s.moveTo(s.row, s.col-n)
	case 'E':
		s.down(n)
		s.moveTo(s.row, 0)
	case 'F':
		s.up(n)
		s.moveTo(s.row, 0)
	case 'G', '`':
		s.moveTo(s.row, n-1)
	case 'H', 'f':
		s.address(n, s.times(1))
	case 'd':
		s.address(n, s.col+1)
	case 'I':
		s.tab(n)
	case 'Z':
		s.tab(-n)
	case 'r':
		s.margins(s.num(0, 1), s.num(1, 0))
	default:
		return false
	}
	return true
}

func (s *Screen) csiEdit(final byte) {
	n := s.times(0)
	inside := s.row >= s.top && s.row <= s.bottom
	switch final {
	case '@':
		s.insert(s.col, n)
	case 'P':
		s.remove(s.col, n)
	case 'X':
		s.erase(s.row, s.col, s.col+n)
	case 'J':
		s.eraseDisplay(s.num(0, 0))
	case 'K':
		s.eraseLine(s.num(0, 0))
	case 'L':
		if inside {
			s.scrollDown(s.row, s.bottom, n)
			s.col = 0
		}
	case 'M':
		if inside {
			s.scrollUp(s.row, s.bottom, n, false)
			s.col = 0
		}
	case 'S':
		s.scrollUp(s.top, s.bottom, n, true)
	case 'T', '^':
		if s.count <= 1 { // with more it would be about the mouse
			s.scrollDown(s.top, s.bottom, n)
		}
	}
}

func (s *Screen) eraseDisplay(which int) {
	switch which {
	case 0:
		s.eraseLine(0)
		s.eraseRows(s.row+1, s.rows)
	case 1:
		s.eraseRows(0, s.row)
		s.eraseLine(1)
	case 2:
		s.eraseRows(0, s.rows)
	case 3:
		s.history.clear()
	}
}

func (s *Screen) eraseLine(which int) {
	switch which {
	case 0:
		s.erase(s.row, s.col, s.cols)
	case 1:
		s.erase(s.row, 0, s.col+1)
	case 2:
		s.erase(s.row, 0, s.cols)
	}
}

// csiPrivate are the sequences with a question mark.
func (s *Screen) csiPrivate(final byte) {
	switch final {
	case 'h', 'l':
		for i := range s.count {
			s.setMode(s.num(i, 0), final == 'h')
		}
	case 'J':
		if which := s.num(0, 0); which < 3 { // there are no protected cells
			s.detach()
			s.eraseDisplay(which)
		}
	case 'K':
		s.detach()
		s.eraseLine(s.num(0, 0))
	case 'n', 'u', 'm':
		s.queryPrivate(final)
	}
}

// csiPrefix are those with < = >.
func (s *Screen) csiPrefix(final byte) {
	k := &s.keys[s.shown()]
	switch string([]byte{s.prefix, final}) {
	case ">u":
		k.push(s.num(0, 0))
	case "<u":
		k.pop(s.times(0))
	case "=u":
		k.change(s.num(0, 0), s.num(1, 1))
	case ">m":
		if s.num(0, 4) == 4 {
			s.otherKey = min(s.num(1, 0), 2)
		}
	case ">n":
		if s.num(0, 0) == 4 {
			s.otherKey = 0
		}
	case ">c", "=c", ">q":
		s.queryTerminal(final)
	}
}

func (s *Screen) csiIntermediate(final byte) {
	switch string([]byte{s.prefix, s.inter[0], final}) {
	case "\x00 q":
		if n := s.num(0, 0); n <= 6 {
			s.shape = n
		}
	case "\x00!p":
		s.softReset()
	case "\x00$p", "?$p":
		s.queryMode()
	}
}

// softReset is DECSTR.
func (s *Screen) softReset() {
	row, col := s.row, s.col
	link := s.penExtra().link
	s.cursor = cursor{row: row, col: col}
	s.pen.extra = s.extra(extra{link: link})
	s.saved[s.shown()] = cursor{}
	s.joins, s.shift = false, 0
	s.top, s.bottom = 0, s.rows-1
	for _, m := range []mode{modeInsert, modeKeypad, modeCursorKeys} {
		s.set(m, false)
	}
	s.set(modeWrap, true)
	s.set(modeCursor, true)
}
