package screen

// control is a C0 control character.
func (s *Screen) control(r rune) {
	switch r {
	case 0x07:
		if s.o.Bell != nil {
			s.o.Bell()
		}
	case 0x08:
		s.moveTo(s.row, s.col-1)
	case 0x09:
		s.tab(1)
	case 0x0a, 0x0b, 0x0c:
		s.index()
		if s.has(modeNewline) {
			s.moveTo(s.row, 0)
		}
	case 0x0d:
		s.moveTo(s.row, 0)
	case 0x0e:
		s.gl = 1
	case 0x0f:
		s.gl = 0
	}
}

// escapeDispatch is an escape sequence that is neither a CSI nor a string.
func (s *Screen) escapeDispatch(final byte) {
	if s.inters > 1 {
		return
	}
	switch inter := s.inter[0]; {
	case s.inters == 0:
		s.escapeSimple(final)
	case inter == '(' || inter == ')' || inter == '*' || inter == '+':
		s.charsets[inter-'('] = charsetOf(final)
	case inter == '#' && final == '8':
		s.align()
	}
}

func (s *Screen) escapeSimple(final byte) {
	switch final {
	case '7':
		s.save()
	case '8':
		s.restore()
	case '=':
		s.set(modeKeypad, true)
	case '>':
		s.set(modeKeypad, false)
	case 'D':
		s.index()
	case 'E':
		s.index()
		s.moveTo(s.row, 0)
	case 'M':
		s.reverseIndex()
	case 'H':
		s.tabs[s.col] = true
	case 'N':
		s.shift = 2
	case 'O':
		s.shift = 3
	case 'n':
		s.gl = 2
	case 'o':
		s.gl = 3
	case 'Z':
		s.reply("\x1b[?62;22c")
	case 'c':
		s.reset()
	}
}
