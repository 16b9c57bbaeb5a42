package cli_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"plain words":             "plain words",
		"Grüße, 世界 🍾":             "Grüße, 世界 🍾",
		"\x1b[31mred\x1b[0m":      `\x1b[31mred\x1b[0m`,
		"\x1b]0;title\x07":        `\x1b]0;title\x07`,
		"two\nlines\ttab\rreturn": `two\nlines\ttab\rreturn`,
		"\u009b31m":               `\x9b31m`,
		"bad \xff\x9b bytes":      `bad \xff\x9b bytes`,
		"evil\u202etxt.exe":       `evil\u202etxt.exe`,
		"zero\u200bwidth\ufeff":   `zero\u200bwidth\ufeff`,
		"tag\U000e0041":           `tag\U000e0041`,
		"del\x7f nul\x00":         `del\x7f nul\x00`,
	} {
		if got := cli.Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
	for text, want := range map[string]string{
		"\x1b[31mred\x1b[m\n":              "\x1b[31mred\x1b[m\n",
		"\x1b[38:2::1:2:3;4mx":             "\x1b[38:2::1:2:3;4mx",
		"a\x1b[2Jb\x1b[31":                 `a\x1b[2Jb\x1b[31`,
		"\x1b]0;t\a\x1b[?25l\x1b[0m\u202e": `\x1b]0;t\x07\x1b[?25l` + "\x1b[0m" + `\u202e`,
		"\x1b[":                            `\x1b[`,
	} {
		if got := cli.SafeColoured(text); got != want {
			t.Errorf("SafeColoured(%q) = %q, want %q", text, got, want)
		}
	}
	if got := cli.SafeLines("a\n\tb\x1b"); got != "a\n\tb"+`\x1b` {
		t.Errorf("SafeLines = %q", got)
	}
}

func TestCells(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "世界": 4, "🍾": 2, "ｱ": 1, "Ａ": 2} {
		if got := cli.Cells(in); got != want {
			t.Errorf("Cells(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestPlainText(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n":                                  "plain\n",
		"\x1b[1;31mred\x1b[0m\n":                   "red\n",
		"\x1b]0;title\x07after":                    "after",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link",
		"\x1bPq#0;1\x1b\\x":                        "x",
		"\u009b31mC1":                              "C1",
		"one\r\ntwo\r\n":                           "one\ntwo\n",
		"10%\r20%\r30%":                            "10%\n20%\n30%",
		"end\r":                                    "end\n",
		"bell\x07 back\x08space":                   "bell backspace",
		"tab\tstays":                               "tab\tstays",
		"\x1b]never ended\nnext line\n":            "\nnext line\n",
		"\x1b[31\nnext":                            "\nnext",
		"\x1b(Bcharset \x1b=keypad":                "charset keypad",
		"cut \xe4\xb8":                             "cut \ufffd",
		"世界":                                       "世界",
	} {
		var out bytes.Buffer
		w := cli.PlainText(&out)
		w.Write([]byte(in))
		w.Close()
		if out.String() != want {
			t.Errorf("plain text of %q is %q, want %q", in, out.String(), want)
		}
	}
}

// FuzzSafe: nothing that could drive a terminal gets through, and JSON says
// the same string again.
func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b[2J", "\u202e", "\xff\xfe", "\U0001F37E\u009b", "\\u001b", "\"\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range cli.Safe(s) {
			if cli.Dangerous(r) {
				t.Fatalf("Safe(%q) lets %q through", s, r)
			}
		}
		for _, r := range cli.SafeLines(s) {
			if cli.Dangerous(r) && r != '\n' && r != '\t' {
				t.Fatalf("SafeLines(%q) lets %q through", s, r)
			}
		}
		j := cli.JSONString(s)
		for _, r := range string(j) {
			if cli.Dangerous(r) {
				t.Fatalf("JSON of %q lets %q through: %s", s, r, j)
			}
		}
		var back string
		if err := json.Unmarshal(j, &back); err != nil {
			t.Fatalf("JSON of %q is %s: %v", s, j, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back != want {
			t.Fatalf("JSON of %q says %q", s, back)
		}
	})
}

// FuzzPlainText: what comes out is text, however the bytes are cut.
func FuzzPlainText(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\r\nc"), 3)
	f.Add([]byte("\x1b]0;t\x1b\\\xe4\xb8\x96\xff"), 1)
	f.Add([]byte("\xc2\x9b31m\r"), 2)
	f.Fuzz(func(t *testing.T, in []byte, at int) {
		through := func(chunks ...[]byte) string {
			var out bytes.Buffer
			w := cli.PlainText(&out)
			for _, c := range chunks {
				if n, err := w.Write(c); n != len(c) || err != nil {
					t.Fatal(n, err)
				}
			}
			w.Close()
			return out.String()
		}
		whole := through(in)
		for _, r := range whole {
			if cli.Dangerous(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q lets %q through", in, r)
			}
		}
		if at > 0 && at < len(in) {
			if cut := through(in[:at], in[at:]); cut != whole {
				t.Fatalf("%q cut at %d is %q, whole %q", in, at, cut, whole)
			}
		}
		var single [][]byte
		for i := range in {
			single = append(single, in[i:i+1])
		}
		if bytewise := through(single...); bytewise != whole {
			t.Fatalf("%q byte by byte is %q, whole %q", in, bytewise, whole)
		}
	})
}

// FuzzStoredJSON: what the log holds is printed as JSON of one line that means
// the same and drives no terminal.
func FuzzStoredJSON(f *testing.F) {
	for _, s := range []string{`{"a":"b"}`, "{\n\"a\": 1}", "\"\x7f\"", `"` + "\u202e" + `"`, `nonsense`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out := cli.JSONStored(in)
		if bytes.ContainsAny(out, "\n\r") {
			t.Fatalf("%q takes two lines: %q", in, out)
		}
		for _, r := range string(out) {
			if cli.Dangerous(r) && r != '\t' {
				t.Fatalf("%q lets %q through", in, r)
			}
		}
		var want, got any
		if json.Unmarshal(in, &want) != nil {
			want = nil
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q became %q", in, out)
		}
	})
}
