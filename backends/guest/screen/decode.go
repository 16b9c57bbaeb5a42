package screen

import "unicode/utf8"

// decoder holds the beginning of a character that is not complete yet.
type decoder struct {
	part [4]byte
	have int // bytes in part
	want int // bytes of the whole character
}

// take takes the first bytes of p, at least one, and says how many.
func (s *Screen) take(p []byte) int {
	if s.have > 0 {
		return s.continued(p[0])
	}
	b := p[0]
	if b >= utf8.RuneSelf {
		if r, n := utf8.DecodeRune(p); n > 1 {
			s.feed(r)
			return n
		}
		s.begun(b)
		return 1
	}
	if s.state != ground {
		s.feed(rune(b))
		return 1
	}
	if n := printable(p); n > 0 {
		s.printASCII(p[:n])
		return n
	}
	s.feed(rune(b))
	return 1
}

// printable is how many bytes at the start of p are printable ASCII.
func printable(p []byte) int {
	for i, b := range p {
		if b-' ' >= 0x7f-' ' {
			return i
		}
	}
	return len(p)
}

// begun takes the first byte of a character that is not ASCII.
func (s *Screen) begun(b byte) {
	switch {
	case b >= 0xc2 && b <= 0xdf:
		s.want = 2
	case b >= 0xe0 && b <= 0xef:
		s.want = 3
	case b >= 0xf0 && b <= 0xf4:
		s.want = 4
	default:
		s.feed(utf8.RuneError)
		return
	}
	s.part[0], s.have = b, 1
}

// continued takes a byte after the first. If it does not belong there, the
// character is broken and shown as U+FFFD, and the byte stands for itself.
func (s *Screen) continued(b byte) int {
	low, high := byte(0x80), byte(0xbf)
	if s.have == 1 {
		switch s.part[0] { // neither longer than needed, nor surrogates, nor beyond U+10FFFF
		case 0xe0:
			low = 0xa0
		case 0xed:
			high = 0x9f
		case 0xf0:
			low = 0x90
		case 0xf4:
			high = 0x8f
		}
	}
	if b < low || b > high {
		s.have = 0
		s.feed(utf8.RuneError)
		return 0
	}
	s.part[s.have] = b
	s.have++
	if s.have == s.want {
		r, _ := utf8.DecodeRune(s.part[:s.have])
		s.have = 0
		s.feed(r)
	}
	return 1
}
