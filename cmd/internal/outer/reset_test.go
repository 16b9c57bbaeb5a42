package outer_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/outer"
)

// What Reset writes after a stream, without the end that it always has.
func TestReset(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "text": "", "\x1b[31m": "", "\x1b[?1049h\x1b[?1049l": "", "\x1b[?9999h": "",
		// as the modes of DEC
		"\x1b[?1049h\x1b[?25l\x1b[?2004h":              "\x1b[?2004l\x1b[?1049l\x1b[?25h",
		"\x1b[?1000;1006h":                             "\x1b[?1000l\x1b[?1006l",
		"\x1b[?1h\x1b=":                                "\x1b>\x1b[?1l",
		"\x1b[?7l":                                     "\x1b[?7h",
		"\x1b[?69h\x1b[?2026h":                         "\x1b[?2026l\x1b[?69l",
		"\x1b[?1000h\x1b[?1000s\x1b[?1000l":            "",
		"\x1b[?1000h\x1b[?1000s\x1b[?1000l\x1b[?1000r": "\x1b[?1000l",
		"\x1b[?47h\x1b[?1049l":                         "",
		"\x1bP=1s\x1b\\":                               "\x1b[?2026l",
		"\xc2\x9b?2004h":                               "\x1b[?2004l",
		"\x1b[4h\x1b[20h\x1b[12l":                      "\x1b[4l\x1b[12h\x1b[20l",
		"\x1b[2 q":                                     "\x1b[0 q",
		"\x1b[2 q\x1b[0 q":                             "",
		"\x1b]50;CursorShape=1\a":                      "\x1b[0 q",
		"\x1b[2;5r":                                    "\x1b7\x1b[r\x1b8",
		"\x1b[2;5r\x1b[r":                              "",
		"\x1b[?1049h\x1b[2;5r":                         "\x1b[r\x1b[?1049l",
		"\x0e":                                         "\x0f",
		"\x0e\x0f":                                     "",
		"\x1b(0":                                       "\x1b(B",
		"\x1b(0\x1b(B":                                 "",
		"\x1bn":                                        "\x0f",
		"\x1b[1;1'z":                                   "\x1b[0'z",
		// keys
		"\x1b[>1u":                            "\x1b[<1u",
		"\x1b[>1u\x1b[>3u":                    "\x1b[<2u",
		"\x1b[>1u\x1b[<u":                     "",
		"\x1b[=5u":                            "\x1b[=0u",
		"\x1b[?1049h\x1b[>1u":                 "\x1b[<1u\x1b[?1049l",
		"\x1b[>1u\x1b[?1049h\x1b[>1u\x1b[>1u": "\x1b[<2u\x1b[?1049l\x1b[<1u",
		"\x1b[>" + strings.Repeat("1u\x1b[>", 300) + "1u": "\x1b[<99u",
		"\x1b[>4;2m":         "\x1b[>4m",
		"\x1b[>4;2m\x1b[>4m": "",
		"\x1b[>4;1m\x1b[>m":  "",
		// strings
		"\x1b]8;;http://x\a":                "\x1b]8;;\x1b\\",
		"\x1b]8;;http://x\aa\x1b]8;;\a":     "",
		"\x1b]8;;http":                      "\x1b\\",
		"\x1b]11;red\a\x1b]4;1;blue\a":      "\x1b]104\x1b\\\x1b]111\x1b\\",
		"\x1b]10;red;?;blue\a":              "\x1b]110\x1b\\\x1b]112\x1b\\",
		"\x1b]11;?\a\x1b]4;1;?\a":           "",
		"\x1b]11;red\a\x1b]111\a":           "",
		"\x1b]21;foreground=red;cursor=?\a": "\x1b]110\x1b\\",
		"\x1b]22;pointer\a":                 "\x1b]22;\x1b\\",
		"\x1b]22;?pointer\a":                "",
		"\x1b]2;t\a\x1b]0;u\a":              "\x1b[23;2t",
		// what clears them
		"\x1b[?1049h\x1b[>1u\x1b[4h\x1b=\x1bc":          "",
		"\x1b]2;t\a\x1bc":                               "\x1b[23;2t",
		"\x1b[4h\x1b=\x1b[2;5r\x1b[?25l\x1b[?1h\x1b[!p": "",
		"\x1b[?1000h\x1b[!p":                            "\x1b[?1000l",
		// what was dropped changed nothing
		"\x1b[?1049;5522h": "",
	} {
		for _, chunks := range [][]string{{in}, strings.Split(in, "")} {
			if strings.Contains(in, "\xc2") {
				chunks = []string{in[:1], in[1:]}
			}
			var b bytes.Buffer
			term := outer.New(&b, outer.Options{})
			for _, c := range chunks {
				term.Write([]byte(c))
			}
			b.Reset()
			touched := term.Touched()
			if err := term.Reset(); err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != want+"\x1b[0m\r" {
				t.Errorf("after %q Reset writes %q, want %q", in, got, want)
			}
			if touched != (want != "") {
				t.Errorf("after %q Touched is %v", in, touched)
			}
		}
	}
}

func TestTitleIsSavedOnce(t *testing.T) {
	in := "a\x1b]2;one\ab\x1b]0;two\a"
	if got, want := anyhow(t, outer.Options{}, in), "a\x1b[22;2t\x1b]2;one\ab\x1b]0;two\a"; got != want {
		t.Errorf("%q comes out as %q, want %q", in, got, want)
	}
}

func TestTwoWriters(t *testing.T) {
	var b bytes.Buffer
	term := outer.New(&b, outer.Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				term.Write([]byte("\x1b[?1049h\x1b]2;x"))
				term.Reset()
				term.Pending()
				term.Heard([]byte("\x1b[1;1R"))
			}
		})
	}
	wg.Wait()
}
