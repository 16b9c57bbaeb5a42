package screen

import (
	"bytes"
	"fmt"
)

func (s *Screen) reply(text string) {
	if s.o.Reply != nil {
		s.o.Reply([]byte(text))
	}
}

// query are the questions without a prefix. Those about the title are not
// answered: what a program could set there would come back as typed.
func (s *Screen) query(final byte) {
	switch n := s.num(0, 0); {
	case final == 'c' && n == 0:
		s.reply("\x1b[?62;22c") // a VT220 with colours
	case final == 'n' && n == 5:
		s.reply("\x1b[0n")
	case final == 'n' && n == 6:
		s.reply("\x1b[" + s.position() + "R")
	case final == 't' && n == 18:
		s.reply(fmt.Sprintf("\x1b[8;%d;%dt", s.rows, s.cols))
	}
}

// position is where the cursor is as a program counts it.
func (s *Screen) position() string {
	row := s.row
	if s.origin {
		row -= s.top
	}
	return fmt.Sprintf("%d;%d", row+1, s.col+1)
}

// queryPrivate are the questions with a question mark.
func (s *Screen) queryPrivate(final byte) {
	switch n := s.num(0, 0); {
	case final == 'n' && n == 6:
		s.reply("\x1b[?" + s.position() + ";1R")
	case final == 'u':
		s.reply(fmt.Sprintf("\x1b[?%du", s.keys[s.shown()].now))
	case final == 'm' && n == 4:
		s.reply(fmt.Sprintf("\x1b[>4;%dm", s.otherKey))
	}
}

// queryTerminal are those about the terminal itself: DA2, DA3 and XTVERSION.
func (s *Screen) queryTerminal(final byte) {
	switch n := s.num(0, 0); {
	case n != 0:
	case s.prefix == '=':
		s.reply("\x1bP!|00000000\x1b\\")
	case final == 'q':
		s.reply("\x1bP>|bot-bottle\x1b\\")
	default:
		s.reply("\x1b[>1;1;0c")
	}
}

// queryMode is DECRQM.
func (s *Screen) queryMode() {
	n := s.num(0, 0)
	mark, set, known := "?", false, false
	if s.prefix != 0 {
		set, known = s.mode(n)
	} else {
		mark, known = "", n == 4 || n == 20
		set = n == 4 && s.has(modeInsert) || n == 20 && s.has(modeNewline)
	}
	value := 0
	if known {
		value = 2
	}
	if set {
		value = 1
	}
	s.reply(fmt.Sprintf("\x1b[%s%d;%d$y", mark, n, value))
}

// dcs is a device control string: settings are asked for (DECRQSS, XTGETTCAP);
// pictures and all others have no effect.
func (s *Screen) dcs(text []byte) {
	if bytes.HasPrefix(text, []byte("+q")) {
		s.reply("\x1bP0+r\x1b\\")
	}
	what, ok := bytes.CutPrefix(text, []byte("$q"))
	if !ok {
		return
	}
	var b []byte
	switch string(what) {
	case "m":
		b = appendSGR(nil, s.style(s.pen))[2:]
		if len(b) == 1 {
			b = []byte("0m")
		}
	case "r":
		b = fmt.Appendf(nil, "%d;%dr", s.top+1, s.bottom+1)
	case " q":
		b = fmt.Appendf(nil, "%d q", s.shape)
	default:
		s.reply("\x1bP0$r\x1b\\")
		return
	}
	s.reply("\x1bP1$r" + string(b) + "\x1b\\")
}
