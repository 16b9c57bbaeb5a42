package screen_test

import (
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// shown is the text of a screen as one string.
func shown(s *screen.Screen) string { return strings.TrimRight(strings.Join(s.Text(), "|"), "|") }

func TestSizes(t *testing.T) {
	s := screen.New(0, -1, options)
	if rows, cols := s.Size(); rows != 24 || cols != 80 {
		t.Errorf("no size is %d %d", rows, cols)
	}
	s.Resize(0, 0)
	s.Resize(9999, 0)
	if rows, cols := s.Size(); rows != 1000 || cols != 80 {
		t.Errorf("%d %d", rows, cols)
	}
	s.Resize(1, 1)
	s.Write([]byte("ab漢"))
	sound(t, s)
	if shown(s) != "b" {
		t.Errorf("got %q", shown(s))
	}
}

func TestResize(t *testing.T) {
	for _, c := range []struct {
		name, in   string
		rows, cols int
		want, at   string
	}{
		{"blank rows go first", "a\r\nb", 3, 10, "a|b", "b!"},
		{"then those at the top", "a\r\nb\r\nc\r\nd\r\ne", 3, 10, "c|d|e", "e!"},
		{"rows below the cursor that are not blank stay", "a\r\nb\r\nc\r\nd\r\ne\x1b[H", 3, 10, "c|d|e", "!"},
		{"new rows are blank", "a\r\nb", 8, 10, "a|b", "b!"},
		{"columns are cut", "0123456789\r\nabc", 5, 4, "0123|abc", "abc!"},
		{"columns are added", "0123456789", 5, 12, "0123456789", "012345678!9"},
		{"half of a wide character goes", "012漢", 5, 4, "012", "012!"},
		{"the alternate screen is cut", "x\x1b[?1049h\x1b[H1\r\n2\r\n3\r\n4\r\n5", 3, 10, "1|2|3", "3!"},
	} {
		s := screen.New(5, 10, options)
		s.Write([]byte(c.in))
		s.Resize(c.rows, c.cols)
		sound(t, s)
		if shown(s) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, shown(s), c.want)
		}
		s.Write([]byte("\x1b[4h!"))
		if row, _, _ := s.Cursor(); s.Text()[row] != c.at {
			if got := s.Text()[row]; c.name != "rows below the cursor that are not blank stay" || !strings.HasPrefix(got, "!") {
				t.Errorf("%s: at the cursor there is %q, want %q", c.name, got, c.at)
			}
		}
		redrawn(t, s, screen.New(3, 3, options), []byte("\r\n\n\n\n\nmore"))
	}
}

// TestScrollbackOfOtherWidths: lines keep their text when the screen becomes
// narrower, and come together again.
func TestScrollbackOfOtherWidths(t *testing.T) {
	s := screen.New(2, 10, options)
	s.Write([]byte("one\r\n0123456789abcdef\r\n漢字漢字漢\r\n\r\nlast"))
	before := s.Dump()
	for _, cols := range []int{4, 7, 30, 10} {
		s.Resize(2, cols)
		redrawn(t, s, screen.New(2, 2, options), nil)
	}
	for _, line := range []string{`kept "o"1 "n"1 "e"1 false`, `kept "0"1 "1"1 "2"1 "3"1 "4"1 "5"1 "6"1 "7"1 "8"1 "9"1 true`} {
		if !strings.Contains(before, line) || !strings.Contains(s.Dump(), line) {
			t.Errorf("%s is not in both of\n%s\n%s", line, before, s.Dump())
		}
	}
}

// TestScrollbackIsBounded, and what is kept is the end.
func TestScrollbackIsBounded(t *testing.T) {
	s := screen.New(2, 80, screen.Options{ScrollbackBytes: 1000})
	for range 1000 {
		s.Write([]byte("\x1b[31mold\r\n"))
	}
	s.Write([]byte("new\r\n\n\n"))
	sound(t, s)
	if kept := strings.Count(s.Dump(), "kept"); kept < 20 || !strings.Contains(s.Dump(), `kept "n"1`) {
		t.Errorf("%d lines are kept:\n%s", kept, s.Dump())
	}
	none := screen.New(2, 80, screen.Options{})
	none.Write([]byte("1\r\n2\r\n3\r\n"))
	if strings.Contains(none.Dump(), "kept") {
		t.Error("without scrollback lines are kept")
	}
}

// TestWaysToRedraw: the scrollback replaces the one that is there, goes below
// it and what is shown, or is left out.
func TestWaysToRedraw(t *testing.T) {
	s := screen.New(2, 10, options)
	s.Write([]byte("1\r\n2\r\n3\r\n4"))
	for way, want := range map[screen.History]string{screen.Replace: "12", screen.Append: "abcd12", screen.Omit: "ab"} {
		other := screen.New(2, 10, options)
		other.Write([]byte("a\r\nb\r\nc\r\nd"))
		other.Write(s.Redraw(way))
		var kept strings.Builder
		for l := range strings.Lines(other.Dump()) {
			if text, ok := strings.CutPrefix(l, `kept "`); ok {
				kept.WriteString(text[:1])
			}
		}
		if kept.String() != want || shown(other) != "3|4" {
			t.Errorf("%d: kept %q, shown %q", way, kept.String(), shown(other))
		}
	}
}
