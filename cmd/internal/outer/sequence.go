package outer

import "bytes"

// sequence is what is known of an escape sequence, to judge and to note it.
type sequence struct {
	kind kind
	// name is what tells it from others of its kind: for ESC, CSI and DCS the
	// private marker, the intermediates and the final byte, as in ?h or *y;
	// for OSC its number without leading zeros, or its letter; for APC its
	// first byte. Empty while it is not complete.
	name   []byte
	params []byte // of CSI and DCS: digits, ; and :
	arg    []byte // of OSC what follows "number;", of DCS and APC what follows the name
	broken bool   // its grammar is not that of ECMA-48, so terminals may read it differently
}

// parse reads the body of a sequence, of a string also one that has not all
// come.
func parse(k kind, body []byte) sequence {
	switch k {
	case kindESC:
		return sequence{kind: k, name: body}
	case kindCSI, kindDCS:
		return parseControl(k, body)
	case kindOSC:
		return parseOSC(body)
	case kindAPC:
		return sequence{kind: k, name: body[:min(1, len(body))], arg: body[min(1, len(body)):]}
	}
	return sequence{kind: k}
}

// parseControl reads [marker] params intermediates final, and behind it the
// data of a DCS.
func parseControl(k kind, body []byte) sequence {
	s := sequence{kind: k}
	i := 0
	if i < len(body) && body[i] >= '<' && body[i] <= '?' {
		i++
	}
	marker := i
	for i < len(body) && body[i] >= '0' && body[i] <= ';' {
		i++
	}
	s.params = body[marker:i]
	inter := i
	for i < len(body) && body[i] >= ' ' && body[i] <= '/' {
		i++
	}
	if i == len(body) {
		return s // more may come
	}
	if body[i] < '@' || body[i] > '~' {
		s.broken = true
		return s
	}
	if marker == 0 {
		s.name = body[inter : i+1]
	} else {
		s.name = append(append(make([]byte, 0, 8), body[0]), body[inter:i+1]...)
	}
	s.arg = body[i+1:]
	return s
}

func parseOSC(body []byte) sequence {
	s := sequence{kind: kindOSC}
	i := 0
	for i < len(body) && body[i] >= '0' && body[i] <= '9' {
		i++
	}
	switch {
	case len(body) == 0:
	case i == 0: // letters of Sun's shelltool and the Linux console; some take no number for 0
		s.broken = body[0] != ';' && (body[0]|0x20 < 'a' || body[0]|0x20 > 'z')
		s.name, s.arg = body[:1], body[1:]
	default:
		if _, ok := numbers(body[:i]); !ok {
			s.broken = true // a terminal could wrap it around to another number
			return s
		}
		s.name = bytes.TrimLeft(body[:i-1], "0")
		s.name = body[i-1-len(s.name) : i]
		if i < len(body) {
			s.broken = body[i] != ';'
			s.arg = body[i+1:]
		}
	}
	return s
}

// numbers reads parameters between semicolons; one that is not there is -1.
// With ok false there is something else, or a number that no terminal needs:
// it could wrap it around.
func numbers(params []byte) (list []int, ok bool) {
	n := -1
	for _, c := range params {
		switch {
		case c == ';':
			list, n = append(list, n), -1
		case c < '0' || c > '9':
			return nil, false
		default:
			if n = max(n, 0)*10 + int(c-'0'); n > 0x7fff {
				return nil, false
			}
		}
	}
	return append(list, n), true
}

// first is the first parameter, or what stands for it where there is none.
func (s *sequence) first(otherwise int) int {
	list, ok := numbers(s.params)
	if !ok || list[0] < 0 {
		return otherwise
	}
	return list[0]
}

func (s *sequence) is(k kind, name string) bool { return s.kind == k && string(s.name) == name }
