package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// safe makes one line of words that somebody else chose (a guest, an engine,
// a label, a path) fit for a terminal: what would move the cursor, colour,
// reorder or hide text is written out as an escape instead.
func safe(s string) string { return neutralise(s, false) }

// safeLines is safe for text of several lines: newlines and tabs stay.
func safeLines(s string) string { return neutralise(s, true) }

// safeColoured is safeLines for text with colours in it: sequences of select
// graphic rendition stay.
func safeColoured(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		at := strings.Index(s, "\x1b[")
		if at < 0 {
			b.WriteString(safeLines(s))
			break
		}
		b.WriteString(safeLines(s[:at]))
		s = s[at:]
		n := guest.Rendition(s)
		if n > 0 {
			b.WriteString(s[:n])
		} else {
			n = 1
			b.WriteString(safeLines(s[:n]))
		}
		s = s[n:]
	}
	return b.String()
}

func neutralise(s string, lines bool) string {
	if plainASCII(s, lines) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case dangerous(r):
			b.WriteString(escaped(r))
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func plainASCII(s string, lines bool) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 0x7f || c < ' ' && !(lines && (c == '\n' || c == '\t')) {
			return false
		}
	}
	return true
}

func escaped(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// dangerous says which characters may not reach a terminal: the C0 and C1
// controls, those that reorder or hide text (Unicode TR 36 and TR 55), and
// the invisible tag characters.
func dangerous(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	case r < 0x61c:
		return r == 0xad // soft hyphen
	case r == 0x61c, r == 0x180e,
		r >= 0x200b && r <= 0x200f,
		r >= 0x2028 && r <= 0x202e,
		r >= 0x2060 && r <= 0x206f,
		r == 0xfeff,
		r >= 0xfff9 && r <= 0xfffb,
		r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

// cells is how many columns a safe line takes on a terminal: wide East Asian
// characters and emoji two, combining marks none. It is an estimate good
// enough to line up a table.
func cells(s string) int {
	n := 0
	for n < len(s) && s[n] < utf8.RuneSelf {
		n++
	}
	for _, r := range s[n:] {
		switch {
		case r < 0x300:
			n++
		case r <= 0x36f, r >= 0xfe00 && r <= 0xfe0f, r >= 0x20d0 && r <= 0x20ff:
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
			r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
			r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
			n += 2
		default:
			n++
		}
	}
	return n
}
