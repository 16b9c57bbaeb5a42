package outer

import (
	"encoding/binary"
	"unicode/utf8"
)

// Controls of ECMA-48 that the filter knows by name.
const (
	enq = 0x05
	bel = 0x07
	so  = 0x0e
	si  = 0x0f
	can = 0x18
	sub = 0x1a
	esc = 0x1b
	del = 0x7f
	st  = 0x9c // C1
	// text stands for every character that is not a control of 7 or 8 bits.
	text = 0xff
)

// marked are the ASCII characters that mean something to the filter.
var marked = [utf8.RuneSelf]bool{enq: true, bel: true, so: true, si: true, can: true, sub: true, esc: true}

// plain is the length of the text at the start of p that nothing has to look
// at: it ends before a marked control, a C1 control, an invalid or cut
// character.
func plain(p []byte) int {
	for i := 0; i < len(p); {
		if i+8 <= len(p) && printable(binary.LittleEndian.Uint64(p[i:])) {
			i += 8
			continue
		}
		if p[i] < utf8.RuneSelf {
			if marked[p[i]] {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(p[i:])
		if r < 0xa0 || r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(p)
}

// printable says whether eight bytes are all from space to DEL.
func printable(w uint64) bool {
	const high = 0x8080808080808080
	return w&high == 0 && (w-0x2020202020202020)&^w&high == 0
}

// feed takes p character by character. Whether a byte above 0x7f is a C1
// control depends on the character that it may be part of, so an incomplete
// one is kept.
func (t *Terminal) feed(p []byte) {
	for len(t.part) > 0 && len(p) > 0 {
		t.part = append(t.part, p[0])
		p = p[1:]
		if utf8.FullRune(t.part) {
			whole := t.part
			t.part = nil
			t.chars(whole)
		}
	}
	if len(p) > 0 {
		t.chars(p)
	}
}

func (t *Terminal) chars(p []byte) {
	for len(p) > 0 {
		if n := t.span(p); n > 0 {
			p = p[n:]
			continue
		}
		code, n := byte(text), 1
		switch {
		case p[0] < utf8.RuneSelf:
			code = p[0]
		case !utf8.FullRune(p):
			t.part = append(t.part[:0], p...)
			return
		default:
			var r rune
			r, n = utf8.DecodeRune(p)
			switch {
			case r < 0xa0:
				code = byte(r)
			case r == utf8.RuneError && n == 1 && p[0] < 0xa0: // a raw C1 control
				code = p[0]
			}
		}
		if code != enq { // no terminal needs to be asked for its answerback, which it types
			t.char(code, p[:n])
		}
		p = p[n:]
	}
}

// span takes the text at the start of p in one piece, where the state allows
// that, and returns its length.
func (t *Terminal) span(p []byte) (n int) {
	switch {
	case t.state == ground:
		n = plain(p)
		t.pass(p[:n])
	case t.state == inString && !t.ending && t.verdict != undecided:
		n = plain(p)
		t.payload(p[:n])
	}
	return n
}

func isC0(code byte) bool { return code < 0x20 || code == del }
func isC1(code byte) bool { return code >= 0x80 && code < 0xa0 }
