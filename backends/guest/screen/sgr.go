package screen

import "strconv"

// sgr takes Select Graphic Rendition: how the next characters look.
func (s *Screen) sgr() {
	if s.count == 0 {
		s.resetPen()
		return
	}
	for i := 0; i < s.count; {
		// A parameter and those that colons tie to it.
		end := i + 1
		for end < s.count && s.params[end].sub {
			end++
		}
		n := s.num(i, 0)
		switch {
		case n == 38 || n == 48 || n == 58:
			var c Color
			var ok bool
			if end > i+1 {
				c, ok = s.colonColor(i+1, end)
			} else {
				c, end, ok = s.semicolonColor(i + 1)
			}
			if ok {
				s.setColor(n, c)
			}
		case n == 4 && end > i+1:
			if style := s.num(i+1, 1); style <= 5 {
				s.pen.attr = s.pen.attr.withUnderline(style)
			}
		case end == i+1:
			s.rendition(n)
		}
		i = end
	}
}

func (s *Screen) resetPen() {
	e := s.penExtra()
	s.pen = pen{extra: s.pen.extra}
	s.setExtra(extra{link: e.link})
}

// setExtra changes the extra of the pen, if it differs.
func (s *Screen) setExtra(e extra) {
	if e != s.penExtra() {
		s.pen.extra = s.extra(e)
	}
}

// attrs are the attributes that one number sets and another one takes.
var attrs = [56]struct{ on, off Attr }{
	1: {on: Bold}, 2: {on: Dim}, 3: {on: Italic}, 5: {on: Blink}, 6: {on: Blink}, 7: {on: Inverse}, 8: {on: Invisible}, 9: {on: Strikethrough},
	22: {off: Bold | Dim}, 23: {off: Italic}, 24: {off: underlineMask}, 25: {off: Blink}, 27: {off: Inverse}, 28: {off: Invisible}, 29: {off: Strikethrough},
	4: {on: underlineUnit, off: underlineMask}, 21: {on: 2 * underlineUnit, off: underlineMask},
	53: {on: Overline}, 55: {off: Overline},
}

// rendition is a number that stands alone.
func (s *Screen) rendition(n int) {
	p := &s.pen
	switch {
	case n == 0:
		s.resetPen()
	case n >= 30 && n <= 37:
		p.fg = palette(n - 30)
	case n >= 40 && n <= 47:
		p.bg = palette(n - 40)
	case n >= 90 && n <= 97:
		p.fg = palette(n - 90 + 8)
	case n >= 100 && n <= 107:
		p.bg = palette(n - 100 + 8)
	case n == 39 || n == 49 || n == 59:
		s.setColor(n-1, 0)
	case n < len(attrs):
		a := attrs[n]
		p.attr = p.attr&^a.off | a.on
	}
}

func (s *Screen) setColor(which int, c Color) {
	switch which {
	case 38:
		s.pen.fg = c
	case 48:
		s.pen.bg = c
	case 58:
		s.setExtra(extra{underline: c, link: s.penExtra().link})
	}
}

// colonColor is a colour as ISO 8613-6 says it: 5:N, 2:R:G:B or 2:SPACE:R:G:B.
func (s *Screen) colonColor(i, end int) (Color, bool) {
	switch n := end - i; {
	case n >= 2 && s.num(i, 0) == 5:
		return indexed(s.num(i+1, 0))
	case n == 4 && s.num(i, 0) == 2:
		return direct(s.num(i+1, 0), s.num(i+2, 0), s.num(i+3, 0))
	case n >= 5 && s.num(i, 0) == 2:
		return direct(s.num(i+2, 0), s.num(i+3, 0), s.num(i+4, 0))
	}
	return 0, false
}

// semicolonColor is a colour as xterm once said it. It takes the numbers that
// belong to it also where they are no colour.
func (s *Screen) semicolonColor(i int) (c Color, end int, ok bool) {
	switch s.num(i, 0) {
	case 5:
		c, ok = indexed(s.num(i+1, 0))
		end = i + 2
	case 2:
		c, ok = direct(s.num(i+1, 0), s.num(i+2, 0), s.num(i+3, 0))
		end = i + 4
	default:
		return 0, i + 1, false
	}
	return c, min(end, s.count), ok && end <= s.count
}

func indexed(n int) (Color, bool) { return palette(n & 255), n <= 255 }

func direct(r, g, b int) (Color, bool) { return rgb(r&255, g&255, b&255), max(r, g, b) <= 255 }

// attrNumbers are the numbers of SGR for each bit, underlines aside.
var attrNumbers = [...]string{";1", ";2", ";3", ";5", ";7", ";8", ";9", ";53"}

// appendSGR appends the SGR that makes a style, links aside, out of any other.
func appendSGR(b []byte, st Style) []byte {
	b = append(b, "\x1b["...)
	start := len(b)
	b = append(b, '0')
	for i, n := range attrNumbers {
		if st.Attr>>i&1 != 0 {
			b = append(b, n...)
		}
	}
	switch u := st.Attr.Underline(); u {
	case 0:
	case 1:
		b = append(b, ";4"...)
	default:
		b = append(b, ";4:"...)
		b = strconv.AppendInt(b, int64(u), 10)
	}
	b = appendColor(b, st.FG, 30)
	b = appendColor(b, st.BG, 40)
	if st.Underline != 0 {
		b = append(b, ';')
		b = appendLongColor(b, st.Underline, 58, ':')
	}
	if len(b) == start+1 {
		b = b[:start]
	}
	return append(b, 'm')
}

func appendColor(b []byte, c Color, base int) []byte {
	n, indexed := c.Palette()
	switch {
	case c == 0:
		return b
	case indexed && n < 8:
		return strconv.AppendInt(append(b, ';'), int64(base+n), 10)
	case indexed && n < 16:
		return strconv.AppendInt(append(b, ';'), int64(base+60+n-8), 10)
	}
	return appendLongColor(append(b, ';'), c, base+8, ';')
}

func appendLongColor(b []byte, c Color, which int, between byte) []byte {
	numbers := []int{which}
	if n, ok := c.Palette(); ok {
		numbers = append(numbers, 5, n)
	} else {
		numbers = append(numbers, 2)
		if between == ':' {
			numbers = append(numbers, -1)
		}
		v := c.channels()
		numbers = append(numbers, v[:]...)
	}
	for i, n := range numbers {
		if i > 0 {
			b = append(b, between)
		}
		if n >= 0 {
			b = strconv.AppendInt(b, int64(n), 10)
		}
	}
	return b
}
