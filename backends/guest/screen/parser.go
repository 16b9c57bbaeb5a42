package screen

import (
	"strconv"
	"unicode/utf8"
)

const (
	maxParams = 32
	maxParam  = 65535
	// maxString bounds what is kept of an OSC or a DCS. A longer one has no
	// effect.
	maxString = 4096
)

// The states of the parser: those of a VT500, with fewer for a DCS, of which
// only short ones are of interest.
type state uint8

const (
	ground state = iota
	escape
	csi
	csiIgnore
	inString
)

type parser struct {
	state  state
	kind   byte // of the string: what follows ESC
	prefix byte // one of < = > ? at the start of a CSI
	inter  [2]byte
	inters int // more than 2: there is no such sequence
	params [maxParams]param
	count  int  // of params; the last may be empty
	over   bool // there were more
	text   []byte
	long   bool // the string is longer than what is kept
}

// param is a number of a CSI.
type param struct {
	n    int32
	said bool
	sub  bool // a colon stood before it
}

func (p *parser) clear() {
	p.prefix, p.inters, p.count, p.over, p.long = 0, 0, 0, false, false
	p.inter = [2]byte{}
	p.text = p.text[:0]
}

// num is a parameter, or what stands for one that was not said.
func (p *parser) num(i, unsaid int) int {
	if i >= p.count || !p.params[i].said {
		return unsaid
	}
	return int(p.params[i].n)
}

// times is a parameter that counts: 0 means 1.
func (p *parser) times(i int) int { return max(1, p.num(i, 1)) }

// feed takes one character.
func (s *Screen) feed(r rune) {
	switch {
	case r == 0x18 || r == 0x1a: // CAN, SUB
		s.state = ground
		return
	case r == 0x1b:
		s.endString()
		s.parser.clear()
		s.state = escape
		return
	case r >= 0x80 && r < 0xa0: // C1: as ESC and a letter
		s.endString()
		s.parser.clear()
		s.state = escape
		r -= 0x40
	}
	switch s.state {
	case ground:
		if r < ' ' {
			s.control(r)
		} else if r != 0x7f {
			s.print(r)
		}
	case inString:
		s.collect(r)
	default:
		switch {
		case r < ' ':
			s.control(r)
		case r == 0x7f:
		case s.state == escape:
			s.inEscape(r)
		case s.state == csi:
			s.inCSI(r)
		case r >= 0x40 && r < 0x7f:
			s.state = ground
		}
	}
}

func (s *Screen) inEscape(r rune) {
	switch {
	case r >= 0x80:
		s.state = ground
	case r < 0x30:
		s.intermediate(byte(r))
	case s.inters > 0:
		s.state = ground
		s.escapeDispatch(byte(r))
	case r == '[':
		s.state = csi
	case r == ']' || r == 'P' || r == 'X' || r == '^' || r == '_':
		s.state, s.kind = inString, byte(r)
	default:
		s.state = ground
		s.escapeDispatch(byte(r))
	}
}

func (s *Screen) intermediate(b byte) {
	if s.inters < len(s.inter) {
		s.inter[s.inters] = b
	}
	s.inters = min(s.inters+1, len(s.inter)+1)
}

func (s *Screen) inCSI(r rune) {
	p := &s.parser
	switch {
	case r >= 0x80:
		p.state = csiIgnore
	case r >= 0x40:
		p.state = ground
		if p.inters <= 1 {
			s.csiDispatch(byte(r))
		}
	case r < 0x30:
		s.intermediate(byte(r))
	case p.inters > 0:
		p.state = csiIgnore
	case r >= '<':
		if p.count > 0 || p.prefix != 0 {
			p.state = csiIgnore
		}
		p.prefix = byte(r)
	case r >= ':':
		if p.count == 0 {
			p.params[0], p.count = param{}, 1
		}
		if p.count == maxParams {
			p.over = true
			return
		}
		p.params[p.count] = param{sub: r == ':'}
		p.count++
	default:
		if p.count == 0 {
			p.params[0], p.count = param{}, 1
		}
		if !p.over {
			last := &p.params[p.count-1]
			last.n, last.said = min(last.n*10+r-'0', maxParam), true
		}
	}
}

// collect takes a character of a string.
func (s *Screen) collect(r rune) {
	p := &s.parser
	switch {
	case r == 0x07 && p.kind == ']':
		s.endString()
	case r < ' ' || r == 0x7f || p.long:
	case p.kind != ']' && p.kind != 'P':
	case len(p.text)+utf8.RuneLen(r) > maxString:
		p.long, p.text = true, p.text[:0]
	default:
		p.text = utf8.AppendRune(p.text, r)
	}
}

func (s *Screen) endString() {
	if s.state != inString {
		return
	}
	s.state = ground
	if s.long {
		return
	}
	switch s.kind {
	case ']':
		s.osc(s.text)
	case 'P':
		s.dcs(s.text)
	}
}

// unfinished appends bytes that bring another terminal to where this one is
// inside of a sequence.
func (s *Screen) unfinished(b []byte) []byte {
	p := &s.parser
	switch p.state {
	case escape:
		b = append(b, 0x1b)
		b = appendInter(b, p)
	case csi:
		b = append(b, "\x1b["...)
		if p.prefix != 0 {
			b = append(b, p.prefix)
		}
		for i, v := range p.params[:p.count] {
			if v.sub {
				b = append(b, ':')
			} else if i > 0 {
				b = append(b, ';')
			}
			if v.said {
				b = strconv.AppendInt(b, int64(v.n), 10)
			}
		}
		if p.over {
			b = append(b, ';')
		}
		b = appendInter(b, p)
	case csiIgnore:
		b = append(b, "\x1b[0?"...)
	case inString:
		switch {
		case p.kind != ']' && (p.kind != 'P' || p.long):
			b = append(b, "\x1b_"...)
		case p.long: // no terminal knows this one, and BEL ends it
			b = append(b, "\x1b]7777;"...)
		default:
			b = append(b, 0x1b, p.kind)
			b = append(b, p.text...)
		}
	}
	return append(b, s.part[:s.have]...)
}

func appendInter(b []byte, p *parser) []byte {
	b = append(b, p.inter[:min(p.inters, len(p.inter))]...)
	if p.inters > len(p.inter) {
		b = append(b, ' ')
	}
	return b
}
