package screen

// charset is what the bytes of ASCII stand for, by the letter that designates
// it. Others than these three are taken for ASCII.
type charset uint8

const (
	ascii    charset = iota
	graphics         // DEC special graphics: lines and corners
	british          // # is £
)

var charsetLetter = [...]byte{ascii: 'B', graphics: '0', british: 'A'}

func charsetOf(letter byte) charset {
	for c, l := range charsetLetter {
		if l == letter {
			return charset(c)
		}
	}
	return ascii
}

// specials are what 0x5f to 0x7e stand for in DEC special graphics.
var specials = [...]rune{' ', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼',
	'⎺', '⎻', '─', '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·'}

// translate is what a character of ASCII stands for now.
func (s *Screen) translate(r rune) rune {
	g := s.gl
	if s.shift != 0 {
		g, s.shift = s.shift, 0
	}
	switch {
	case s.charsets[g] == graphics && r >= 0x5f:
		return specials[r-0x5f]
	case s.charsets[g] == british && r == '#':
		return '£'
	}
	return r
}
