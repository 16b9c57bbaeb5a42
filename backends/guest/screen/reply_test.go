package screen_test

import (
	"fmt"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// TestReplies: what a program is told that asks.
func TestReplies(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[c":                                            "\x1b[?62;22c",
		"\x1b[0c\x1bZ":                                      "\x1b[?62;22c\x1b[?62;22c",
		"\x1b[>c":                                           "\x1b[>1;1;0c",
		"\x1b[=c":                                           "\x1bP!|00000000\x1b\\",
		"\x1b[>q":                                           "\x1bP>|bot-bottle\x1b\\",
		"\x1b[5n":                                           "\x1b[0n",
		"ab\r\nc\x1b[6n":                                    "\x1b[2;2R",
		"ab\x1b[?6n":                                        "\x1b[?1;3;1R",
		"\x1b[2;4r\x1b[?6h\x1b[2;3H\x1b[6n":                 "\x1b[2;3R",
		"\x1b[?2004$p\x1b[?2004h\x1b[?2004$p":               "\x1b[?2004;2$y\x1b[?2004;1$y",
		"\x1b[?7$p\x1b[?25l\x1b[?25$p":                      "\x1b[?7;1$y\x1b[?25;2$y",
		"\x1b[?69$p\x1b[?0$p\x1b[?9999$p":                   "\x1b[?69;0$y\x1b[?0;0$y\x1b[?9999;0$y",
		"\x1b[?6$p\x1b[?1049h\x1b[?1049$p":                  "\x1b[?6;2$y\x1b[?1049;1$y",
		"\x1b[?1000h\x1b[?1000$p\x1b[?1002$p":               "\x1b[?1000;1$y\x1b[?1002;2$y",
		"\x1b[?2026h\x1b[?2026$p":                           "\x1b[?2026;1$y",
		"\x1b[4h\x1b[4$p\x1b[20$p\x1b[3$p":                  "\x1b[4;1$y\x1b[20;2$y\x1b[3;0$y",
		"\x1b[?u\x1b[>5u\x1b[?u\x1b[<u\x1b[?u":              "\x1b[?0u\x1b[?5u\x1b[?0u",
		"\x1b[=1u\x1b[=2;2u\x1b[?u\x1b[=1;3u\x1b[?u":        "\x1b[?3u\x1b[?2u",
		"\x1b[>1u\x1b[?1049h\x1b[?u\x1b[?1049l\x1b[?u":      "\x1b[?0u\x1b[?1u",
		"\x1b[>4;2m\x1b[?4m\x1b[>4m\x1b[?4m":                "\x1b[>4;2m\x1b[>4;0m",
		"\x1b[18t":                                          "\x1b[8;5;10t",
		"\x1b]10;?\a\x1b]11;?\x1b\\":                        "\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\\x1b]11;rgb:0000/0000/0000\x1b\\",
		"\x1b]11;#102030\a\x1b]11;?\a":                      "\x1b]11;rgb:1010/2020/3030\x1b\\",
		"\x1b]10;#fff;rgb:8/80/8000\a\x1b]11;?\a":           "\x1b]11;rgb:8888/8080/8080\x1b\\",
		"\x1b]12;red\a\x1b]12;?\a":                          "\x1b]12;rgb:e5e5/e5e5/e5e5\x1b\\",
		"\x1b]4;1;?;231;?\a":                                "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\\x1b]4;231;rgb:ffff/ffff/ffff\x1b\\",
		"\x1b]4;1;#000\a\x1b]104;1\a\x1b]4;1;?;300;?;x;?\a": "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
		"\x1bP$qm\x1b\\\x1b[1;31m\x1bP$qm\x1b\\":            "\x1bP1$r0m\x1b\\\x1bP1$r0;1;31m\x1b\\",
		"\x1b[2;4r\x1bP$qr\x1b\\\x1b[5 q\x1bP$q q\x1b\\":    "\x1bP1$r2;4r\x1b\\\x1bP1$r5 q\x1b\\",
		"\x1bP$qs\x1b\\\x1bP+q544e\x1b\\":                   "\x1bP0$r\x1b\\\x1bP0+r\x1b\\",
		"\x1b[1c\x1b[7n\x1b[14t\x1b]52;c;?\a":               "",
		"\x1b]2;evil\a\x1b[20t\x1b[21t\x05\x1b[22t\x1b[23t": "",
	} {
		var got strings.Builder
		s := screen.New(5, 10, screen.Options{Reply: func(b []byte) { got.Write(b) }})
		s.Write([]byte(in))
		if got.String() != want {
			t.Errorf("%q\ngot  %q\nwant %q", in, got.String(), want)
		}
	}
}

func TestBellsAndNotifications(t *testing.T) {
	for in, want := range map[string]string{
		"a\ab":                     "bell",
		"\x1b]2;x\a":               "",
		"\x1b[\a1m":                "bell",
		"\x1b]9;done\a":            "done",
		"\x1b]9;4;1;50\a":          "",
		"\x1b]9;4\a":               "",
		"\x1b]9;\a":                "",
		"\x1b]777;notify;T;B;C\a":  "T: B;C",
		"\x1b]777;notify;T\a":      "T",
		"\x1b]777;preexec\a":       "",
		"\x1b]99;i=1:d=0;Hi\x1b\\": "Hi",
		"\x1b]99;e=1;SGk=\x1b\\":   "Hi",
		"\x1b]99;e=1;%\x1b\\":      "",
		"\x1b]99;e=1;Chtb/wo=\a":   "[\ufffd",
		"\x1b]99;p=icon;x\a":       "",
		"\x1b]9;a\u202eb\tc\a":     "abc",
		"\x1b]9;" + strings.Repeat("é", 300) + "\a":  strings.Repeat("é", 256),
		"\x1b]9;" + strings.Repeat("a", 5000) + "\a": "",
	} {
		var got []string
		s := screen.New(5, 10, screen.Options{
			Bell:   func() { got = append(got, "bell") },
			Notify: func(text string) { got = append(got, text) },
		})
		s.Write([]byte(in))
		if strings.Join(got, ",") != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTitles(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b]2;a\a\x1b]0;b\a":                          "b",
		"\x1b]1;icon\a":                                 "",
		"\x1b]2;\xe6\xbc\xa2\a":                         "漢", // its bytes are like ST and others
		"\x1b]2;ä\x9c\a":                                "ä\ufffd",
		"\x1b]2;a\nb\x7fc\a":                            "abc",
		"\x1b]2;a\u009cb":                               "a",
		"\x1b]2;" + strings.Repeat("a", 999) + "\a":     strings.Repeat("a", 512),
		"\x1b]2;a\a\x1b]2;" + strings.Repeat("b", 9999): "a",
		"\x1b]2;a\a\x1bc":                               "",
		"\x1b]2;a\x18\x1b]x;b\a\x1b]2b\a":               "",
	} {
		s := screen.New(5, 10, options)
		s.Write([]byte(in))
		if s.Title() != want {
			t.Errorf("%.40q: got %q, want %q", in, s.Title(), want)
		}
		redrawn(t, s, screen.New(2, 2, options), []byte("x\a\x1b\\y"))
	}
}

func TestModes(t *testing.T) {
	s := screen.New(5, 10, options)
	for _, n := range []int{1, 5, 6, 9, 12, 66, 67, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2031, 2048, 47, 1047, 1049} {
		seq := fmt.Sprintf("\x1b[?%d", n)
		if s.Mode(n) {
			t.Errorf("%d is set", n)
		}
		s.Write([]byte(seq + "h"))
		if !s.Mode(n) {
			t.Errorf("%d is not set", n)
		}
		redrawn(t, s, screen.New(2, 2, options), nil)
		s.Write([]byte(seq + "l"))
		if s.Mode(n) {
			t.Errorf("%d is still set", n)
		}
	}
	for _, n := range []int{7, 25, 1007} {
		if !s.Mode(n) {
			t.Errorf("%d is not set at first", n)
		}
	}
	s.Write([]byte("\x1b[?1000;1003;25;7l\x1b[?1002;2004;1006h"))
	if _, _, visible := s.Cursor(); visible || s.Mode(7) || !s.Mode(1002) || s.Mode(1000) || !s.Mode(2004) || !s.Mode(1006) {
		t.Error("several at once")
	}
}
