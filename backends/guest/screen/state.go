package screen

// paintState says all that is not drawn. What comes after the cursor is set
// must not move it.
func (s *Screen) paintState(p *painter) {
	p.csi("", "r", s.top+1, s.bottom+1)
	row := s.row
	if s.origin {
		p.say("\x1b[?6h")
		row -= s.top
	}
	p.csi("", "H", row+1, s.col+1)
	if s.joins || s.pending {
		if at := s.before(); at >= 0 {
			s.paintCell(p, s.g, s.row, at)
		}
	}
	s.paintPen(p, &s.cursor)
	s.paintModes(p)
	p.csi(">4;", "m", s.otherKey)
	p.csi("", " q", s.shape)
	p.say("\x1b]2;" + s.title + "\x1b\\")
	s.paintColours(p)
	switch s.shift {
	case 2:
		p.say("\x1bN")
	case 3:
		p.say("\x1bO")
	}
}

func (s *Screen) paintModes(p *painter) {
	final := func(on bool) string {
		if on {
			return "h"
		}
		return "l"
	}
	p.csi("", final(s.has(modeInsert)), 4)
	p.csi("", final(s.has(modeNewline)), 20)
	if s.has(modeKeypad) {
		p.say("\x1b=")
	} else {
		p.say("\x1b>")
	}
	for m, n := range modeNumber {
		if n != 0 && mode(m) != modeSync && mode(m) != modeKeypad {
			p.csi("?", final(s.has(mode(m))), n)
		}
	}
	for _, group := range []struct {
		all []int
		one int
	}{{mouseModes, s.mouse}, {mouseEncodings, s.mouseCoded}} {
		for _, n := range group.all {
			p.csi("?", "l", n)
		}
		if group.one != 0 {
			p.csi("?", "h", group.one)
		}
	}
}

// paintKeys says the stack of keyboard flags of the screen that is shown.
func (s *Screen) paintKeys(p *painter, k *keyFlags) {
	p.csi("<", "u", maxKeyFlags+1)
	if k.depth == 0 && k.now == 0 {
		return
	}
	flags := append(append([]uint8{}, k.below[:k.depth]...), k.now)
	p.csi("=", "u", int(flags[0]), 1)
	for _, f := range flags[1:] {
		p.csi(">", "u", int(f))
	}
}

func (s *Screen) paintColours(p *painter) {
	p.say("\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\")
	for n, c := range s.colours {
		if c != 0 {
			p.say("\x1b]" + colourName(n) + ";" + colourSpec(c) + "\x1b\\")
		}
	}
}
