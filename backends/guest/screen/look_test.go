package screen_test

import (
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// TestLooks: what SGR asks for, by the SGR that is said for it again.
func TestLooks(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[1mx":                             "\x1b[0;1mx",
		"\x1b[1;2;3;4;5;7;8;9;53mx":            "\x1b[0;1;2;3;5;7;8;9;53;4mx",
		"\x1b[1;4;7m\x1b[22;24;27mx":           "x",
		"\x1b[31;42mx":                         "\x1b[0;31;42mx",
		"\x1b[91;102mx":                        "\x1b[0;91;102mx",
		"\x1b[31m\x1b[39mx":                    "x",
		"\x1b[38;5;9mx":                        "\x1b[0;91mx",
		"\x1b[38;5;200;1mx":                    "\x1b[0;1;38;5;200mx",
		"\x1b[38:5:200mx":                      "\x1b[0;38;5;200mx",
		"\x1b[48;2;1;2;3mx":                    "\x1b[0;48;2;1;2;3mx",
		"\x1b[38:2:1:2:3mx":                    "\x1b[0;38;2;1;2;3mx",
		"\x1b[38:2::1:2:3mx":                   "\x1b[0;38;2;1;2;3mx",
		"\x1b[38:2:0:1:2:3:4:5mx":              "\x1b[0;38;2;1;2;3mx",
		"\x1b[38;5mx":                          "x",
		"\x1b[38;2;1;2mx":                      "x",
		"\x1b[38;9;1mx":                        "\x1b[0;1mx",
		"\x1b[38:2:1mx":                        "x",
		"\x1b[38;5;256mx":                      "x",
		"\x1b[38;2;1;2;999;1mx":                "\x1b[0;1mx",
		"\x1b[4:3mx":                           "\x1b[0;4:3mx",
		"\x1b[4:0mx":                           "x",
		"\x1b[4:9;1mx":                         "\x1b[0;1mx",
		"\x1b[21mx":                            "\x1b[0;4:2mx",
		"\x1b[4;58;5;9mx":                      "\x1b[0;4;58:5:9mx",
		"\x1b[4;58:2::1:2:3mx":                 "\x1b[0;4;58:2::1:2:3mx",
		"\x1b[4;58;5;9;59mx":                   "\x1b[0;4mx",
		"\x1b[;1mx":                            "\x1b[0;1mx",
		"\x1b[31m\x1b[mx":                      "x",
		"\x1b[1:2:3mx":                         "x",
		"\x1b[41m\x1b[2Kx":                     "\x1b[0;41mx         ",
		"\x1b[1;41m\x1b[2@\x1b[3Gx":            "\x1b[0;41m  \x1b[0;1;41mx",
		"\x1b[44mx\x1b[P":                      "\x1b[0;44mx\x1b[m        \x1b[0;44m ",
		"\x1b]8;;http://a\x1b\\x":              "x",
		"\x1b[31mab\x1b[32mc":                  "\x1b[0;31mab\x1b[0;32mc",
		"\x1b[31m漢\x1b[mx":                     "\x1b[0;31m漢\x1b[mx",
		"\x1b[?5h\x1b[1m\x1b7\x1b[m\x1b8x":     "\x1b[0;1mx",
		"\x1b[>4;1mx\x1b[?4mx":                 "xx",
		"\x1b[1m\x1b[?1049h\x1b[m\x1b[?1049lx": "\x1b[0;1mx",
	} {
		s := screen.New(2, 10, options)
		s.Write([]byte(in))
		got, _, _ := strings.Cut(string(s.Styled()), "\n")
		if want += "\x1b[m"; want != got {
			t.Errorf("%q\ngot  %q\nwant %q", in, got, want)
		}
		redrawn(t, s, screen.New(5, 3, options), []byte(in))
	}
}

// TestColouredBlanks: erasing takes the background, scrolling too.
func TestColouredBlanks(t *testing.T) {
	s := screen.New(2, 3, options)
	s.Write([]byte("\x1b[41;1ma\r\nb\r\n"))
	if got, want := string(s.Styled()), "\x1b[0;1;41mb\x1b[m\n\x1b[0;41m   \x1b[m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLinesAreRuns(t *testing.T) {
	s := screen.New(2, 6, options)
	s.Write([]byte("a\x1b[31mbc\x1b]8;id=7:x=y;http://h/;p\x1b\\d\x1b[m漢e"))
	lines := s.Lines()
	link := screen.Link{ID: "7", URI: "http://h/;p"}
	runs := lines[0].Runs
	if len(runs) != 4 || runs[0].Text != "a" || runs[1].Text != "bc" || runs[2].Text != "d" || runs[3].Text != "漢" ||
		runs[2].Style.Link != link || runs[3].Style != (screen.Style{Link: link}) || !lines[0].Wrapped || lines[1].Wrapped {
		t.Errorf("got %+v", lines)
	}
	if n, ok := runs[1].Style.FG.Palette(); !ok || n != 1 {
		t.Errorf("red is %d %v", n, ok)
	}
	if _, _, _, ok := runs[1].Style.FG.RGB(); ok {
		t.Error("red has channels")
	}
}
