package screen_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// scene is what a screen of 5 rows and 10 columns shows after some output: the
// text of its rows, blank ones at the end left out, and where the cursor is,
// from 0, with ! where the next character wraps.
type scene struct{ name, in, want, at string }

var cases = slices.Concat(printing, characters, moving, scrolling, erasing, inserting, switching)

func TestScenes(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := screen.New(5, 10, options)
			s.Write([]byte(c.in))
			sound(t, s)
			row, col, _ := s.Cursor()
			at := fmt.Sprintf("%d,%d", row, col)
			if s.Pending() {
				at += "!"
			}
			if got := strings.TrimRight(strings.Join(s.Text(), "\n"), "\n"); got != c.want || at != c.at {
				t.Errorf("%q\ngot  %q at %s\nwant %q at %s", c.in, got, at, c.want, c.at)
			}
			redrawn(t, s, screen.New(7, 3, options), []byte("go on\u0301\x1b[2b\r\n"+c.in))
		})
	}
}

var printing = []scene{
	{"text", "hello", "hello", "0,5"},
	{"a full row waits to wrap", "0123456789", "0123456789", "0,9!"},
	{"and wraps", "0123456789a", "0123456789\na", "1,1"},
	{"a return cancels the wrap", "0123456789\ra", "a123456789", "0,1"},
	{"a newline goes on below", "0123456789\na", "0123456789\n         a", "1,9!"},
	{"a backspace cancels the wrap", "0123456789\ba", "01234567a9", "0,9"},
	{"a colour does not", "0123456789\x1b[31ma", "0123456789\na", "1,1"},
	{"moving to the last column does not wait", "\x1b[10Ga", "         a", "0,9!"},
	{"without autowrap the last column is overwritten", "\x1b[?7l0123456789abc", "012345678c", "0,9!"},
	{"autowrap comes back", "\x1b[?7l0123456789\x1b[?7ha", "0123456789\na", "1,1"},
	{"the last row scrolls", "1\r\n2\r\n3\r\n4\r\n5\r\n6", "2\n3\n4\n5\n6", "4,1"},
	{"wrapping in the last row scrolls", "\x1b[5;10Hab", "\n\n\n         a\nb", "4,1"},
	{"below the region it does not", "\x1b[1;3r\x1b[5;9Habc", "\n\n\n\nc       ab", "4,1"},
	{"insert mode", "abc\x1b[H\x1b[4hXY", "XYabc", "0,2"},
	{"insert mode at the end", "0123456789\x1b[H\x1b[4hXY", "XY01234567", "0,2"},
	{"insert mode ends", "abc\x1b[H\x1b[4hX\x1b[4lY", "XYbc", "0,2"},
	{"repeat", "ab\x1b[3b", "abbbb", "0,5"},
	{"repeat wraps", "a\x1b[12b", "aaaaaaaaaa\naaa", "1,3"},
	{"repeat without a count", "a\x1b[b", "aa", "0,2"},
	{"repeat after a move does nothing", "ab\r\x1b[3b", "ab", "0,0"},
	{"a huge repeat ends", "a\x1b[999999999b", strings.Repeat("aaaaaaaaaa\n", 4) + "a", "4,1"},
	{"repeat of a wide character", "漢\x1b[2b", "漢漢漢", "0,6"},
	{"graphics", "\x1b(0lqk\x1b(Bq", "┌─┐q", "0,4"},
	{"graphics in G1", "\x1b)0\x0eqx\x0fqx", "─│qx", "0,4"},
	{"graphics in G2, once", "\x1b*0\x1bNqq", "─q", "0,2"},
	{"graphics in G3, locked", "\x1b+0\x1boqq", "──", "0,2"},
	{"pounds", "\x1b(A#\x1b(B#", "£#", "0,2"},
	{"other charsets are ASCII", "\x1b(%6a", "a", "0,1"},
	{"DEL is nothing", "a\x7fb", "ab", "0,2"},
	{"NUL is nothing", "a\x00b", "ab", "0,2"},
}

var characters = []scene{
	{"wide", "漢字a", "漢字a", "0,5"},
	{"wide at the end of a row", "012345678漢", "012345678\n漢", "1,2"},
	{"wide that just fits", "01234567漢", "01234567漢", "0,9!"},
	{"wide at the end without autowrap", "\x1b[?7l012345678漢", "01234567漢", "0,9!"},
	{"the left half overwritten", "漢字\rx", "x 字", "0,1"},
	{"the right half overwritten", "漢字\x1b[2Gx", " x字", "0,2"},
	{"wide over two halves", "漢字\x1b[2G本", " 本", "0,3"},
	{"wide in insert mode at the end", "0123456漢\x1b[H\x1b[4hX", "X0123456漢", "0,1"},
	{"wide pushed over the end", "01234567漢\x1b[H\x1b[4hX", "X01234567", "0,1"},
	{"a combining mark", "e\u0301x", "e\u0301x", "0,2"},
	{"a mark after a colour", "e\x1b[31m\u0301x", "e\u0301x", "0,2"},
	{"a mark after a move joins the cell before", "ab\x1b[2G\u0301", "a\u0301b", "0,1"},
	{"a mark in the first column is dropped", "\u0301a", "a", "0,1"},
	{"a mark at the end of a row", "0123456789\u0301", "0123456789\u0301", "0,9!"},
	{"a mark on a wide character", "漢\u0301a", "漢\u0301a", "0,3"},
	{"many marks are bounded", "a" + strings.Repeat("\u0301", 99) + "b", "a" + strings.Repeat("\u0301", 15) + "b", "0,2"},
	{"a family is one", "👨\u200d👩\u200d👧a", "👨\u200d👩\u200d👧a", "0,3"},
	{"a skin is part of it", "👍🏽a", "👍🏽a", "0,3"},
	{"a flag", "🇩🇪a", "🇩🇪a", "0,3"},
	{"two flags", "🇩🇪🇫🇷a", "🇩🇪🇫🇷a", "0,5"},
	{"halves of a flag that were not printed together", "🇩\x1b[3G🇪\x1b[8Gx", "🇩🇪   x", "0,8"},
	{"an emoji by VS16 is wide", "❤\ufe0fa", "❤\ufe0fa", "0,3"},
	{"VS16 has no room at the end", "012345678❤\ufe0f", "012345678❤", "0,9!"},
	{"jamos are one syllable", "\u1112\u1161\u11aba", "\u1112\u1161\u11aba", "0,3"},
	{"broken UTF-8", "a\xffb\xe2\x82c", "a\ufffdb\ufffdc", "0,5"},
	{"too long UTF-8", "\xc0\x80\xe0\x80\x80", "\ufffd\ufffd\ufffd\ufffd\ufffd", "0,5"},
	{"a sequence in a broken character", "\xe2\x1b[3Ga", "\ufffd a", "0,3"},
	{"C1 as UTF-8", "ab\u0085c\u009b3Gd", "ab\nc d", "1,3"},
	{"C1 strings", "a\u009d2;x\u009cb\u0090q\u009cc", "abc", "0,3"},
	{"C1 as bytes are broken", "a\x85b", "a\ufffdb", "0,3"},
}
