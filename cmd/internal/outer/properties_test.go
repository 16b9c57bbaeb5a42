package outer_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/outer"
)

// pieces are what streams are made of to find the odd ones.
var pieces = []string{"\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b_G", "\x1b\\", "\a", "\x18", "\x05", "\xc2", "\x9b", "\x9d", "\x9c", "\xe2", "\x90", "\xc2\x9b",
	"21t", "?1049h", "52;c;?", "52;c;AA", "0;title", "8;;x", "1337;File=", "inline=1", ":", ";", "q", "$qm", "+q41", "a=T", ",t=f", "é", "世", "\n", "m", "c", "k"}

func TestTextPassesUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r >= 0x20 && (r < 0x7f || r >= 0xa0) || r == '\n' })).Draw(t, "text")
		for i := range len(in) + 1 {
			if got := through(outer.Options{}, in[:i], in[i:]); got != in {
				t.Fatalf("%q, cut at %d, comes out as %q", in, i, got)
			}
		}
	})
}

func TestChunksDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), "")
		o := outer.Options{Clipboard: rapid.Bool().Draw(t, "clipboard"), Deaf: rapid.Bool().Draw(t, "deaf")}
		whole := through(o, in)
		var chunks []string
		for rest := in; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		if got := through(o, chunks...); got != whole {
			t.Fatalf("%q gives %q whole and %q in chunks %q", in, whole, got, chunks)
		}
		sound(t, o, in, whole)
	})
}

// sound checks what holds for all output: nothing that types is in it, read
// whatever way, and what passed once passes again.
func sound(t interface{ Fatalf(string, ...any) }, o outer.Options, in, out string) {
	for _, bad := range []string{"\x05", "\x1b[21t", "\x1b[20t", "\x1b]52;c;?", "\u009b21t", "\x1bP@", "\x1bPtmux"} {
		if strings.Contains(out, bad) {
			t.Fatalf("%q comes out as %q, which holds %q", in, out, bad)
		}
	}
	const saved = "\x1b[22;2t" // goes ahead of the first title
	again := strings.ReplaceAll(through(o, out, "z"), saved, "")
	if again != strings.ReplaceAll(out, saved, "")+"z" {
		t.Fatalf("%q comes out as %q, and that as %q", in, out, again)
	}
}

func FuzzTerminal(f *testing.F) {
	for _, s := range append(append([]string{}, passing...), dropped...) {
		if len(s) < 100 {
			f.Add([]byte(s), uint8(3), false)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8, flag bool) {
		o := outer.Options{Clipboard: flag}
		whole := through(o, string(in))
		var b bytes.Buffer
		term := outer.New(&b, o)
		for rest := in; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			term.Write(rest[:n])
			rest = rest[n:]
		}
		if b.String() != whole {
			t.Fatalf("%q gives %q whole and %q in pieces", in, whole, b.String())
		}
		sound(t, o, string(in), whole)
		term.Reset()
		b.Reset()
		if term.Reset(); b.String() != "\x1b[0m\r" {
			t.Fatalf("after a reset there is %q to reset", b.String())
		}
	})
}

func BenchmarkTerminal(b *testing.B) {
	text := strings.Repeat("a line of output of an agent, as long as lines are, about eighty characters.\n", 400)
	for name, in := range map[string]string{
		"text":   text,
		"utf8":   strings.Repeat("Grüße aus 東京, “quoted” text\n", 1000),
		"colour": strings.Repeat("\x1b[38;5;12mword\x1b[0m more words\x1b[2;5H", 900),
		"sixel":  "\x1bPq" + strings.Repeat("~~@@vv@@~~$-#1", 2300) + "\x1b\\",
	} {
		b.Run(name, func(b *testing.B) {
			term := outer.New(io.Discard, outer.Options{})
			b.SetBytes(int64(len(in)))
			p := []byte(in)
			for b.Loop() {
				term.Write(p)
			}
		})
	}
	b.Run("copy", func(b *testing.B) {
		to, p := make([]byte, len(text)), []byte(text)
		b.SetBytes(int64(len(p)))
		for b.Loop() {
			io.Discard.Write(to[:copy(to, p)])
		}
	})
}
