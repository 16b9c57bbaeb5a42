package screen_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// pieces are what streams are made of: text, sequences that are well formed,
// and what is not.
func pieces() *rapid.Generator[string] {
	words := rapid.SampledFrom([]string{"a", "hello, world", "\r\n", "\n", "\r", "\b", "\t", "漢字", "é", "e\u0301", "👨\u200d👩\u200d👧",
		"❤\ufe0f", "🇩🇪", "🇩", "\u0301", "\u200d", "\u0903", "क्षि", "한", "\u1112\u1161\u11ab", "\u200b", "\ufeff", "\xff\xc3", "\xe2\x82", "\x1b", "\x1b[", "\x18",
		"\x0e", "\x0f", "\x1bN", "\x1bO", "\x1bn", "\x1b(0", "\x1b(B", "\x1b)0", "\x1b*A", "lqqk#", "\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bM", "\x1bH", "\x1b#8",
		"\x1bc", "\x1b[!p", "\x1b=", "\x1b>", "\u009b1m", "\u0084", "\x1b]2;title é\a", "\x1b]0;", "\x1b]8;id=x;http://h/\x1b\\", "\x1b]8;;\a", "\x1b]11;#102030\a",
		"\x1b]4;1;rgb:1/2/3;2;?\a", "\x1b]104\a", "\x1bPq#0;2;0;0;0~~\x1b\\", "\x1b_Gf=24;AAAA\x1b\\", "\x1b^x", "\x1b[4:3m", "\x1b[58:2::1:2:3m", "\x1b[58;5;9m",
		"\x1b[38;2;1;2;3m", "\x1b[48;5;200m", "\x1b[38;5m", "\x1b[38:2:1m", "\x1b[0;1;2;3;4;5;7;8;9;53m", "\x1b[22;23;24;55m", "\x1b[m", "\x1b[21m", "\x1b[>1u", "\x1b[=5;2u", "\x1b[<u",
		"\x1b[>4;2m", "\x1b[4h", "\x1b[4l", "\x1b[20h", "\x1b[2 q", "\x1b[3J", strings.Repeat("x", 70)})
	control := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString("\x1b[")
		for i := range rapid.IntRange(0, 3).Draw(t, "params") {
			if i > 0 {
				b.WriteString(";")
			}
			b.WriteString(rapid.SampledFrom([]string{"", "0", "1", "2", "3", "4", "5", "9", "17", "99999999999"}).Draw(t, "param"))
		}
		b.WriteByte(rapid.SampledFrom([]byte("@ABCDEFGHIJKLMPSTXZ`abdefgmrsu")).Draw(t, "final"))
		return b.String()
	})
	mode := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]string{"1", "5", "6", "6", "7", "7", "9", "12", "25", "47", "66", "1000", "1002", "1004", "1005", "1006", "1007", "1047", "1048", "1049", "2004", "2026"}).Draw(t, "mode")
		return "\x1b[?" + n + rapid.SampledFrom([]string{"h", "l"}).Draw(t, "how")
	})
	return rapid.OneOf(words, words, control, mode, rapid.StringN(0, 4, 8))
}

func streams() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(pieces(), 0, 60), func(p []string) string { return strings.Join(p, "") })
}

func drawSize(t *rapid.T) (rows, cols int) {
	return rapid.IntRange(1, 8).Draw(t, "rows"), rapid.IntRange(1, 24).Draw(t, "cols")
}

// TestHowOutputIsCutMakesNoDifference: sequences and characters may be split
// anywhere.
func TestHowOutputIsCutMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := drawSize(t)
		in := streams().Draw(t, "in")
		whole, parts := screen.New(rows, cols, options), screen.New(rows, cols, options)
		whole.Write([]byte(in))
		for i := 0; i < len(in); {
			n := rapid.IntRange(1, min(9, len(in)-i)).Draw(t, "n")
			parts.Write([]byte(in[i : i+n]))
			i += n
		}
		sound(t, whole)
		same(t, "in parts", whole, parts)
	})
}

// TestARedrawIsTheSameScreen: on a new one, on any other, and for what comes
// after it.
func TestARedrawIsTheSameScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := drawSize(t)
		s, dirty := screen.New(rows, cols, options), screen.New(cols, rows, options)
		s.Write([]byte(streams().Draw(t, "in")))
		dirty.Write([]byte(streams().Draw(t, "dirt")))
		redrawn(t, s, dirty, []byte(streams().Draw(t, "then")))
	})
}

// TestAResizedScreenIsSound, and its redraw the same.
func TestAResizedScreenIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := drawSize(t)
		s, dirty := screen.New(rows, cols, options), screen.New(3, 7, options)
		for range rapid.IntRange(1, 4).Draw(t, "times") {
			s.Write([]byte(streams().Draw(t, "in")))
			s.Resize(drawSize(t))
			sound(t, s)
		}
		redrawn(t, s, dirty, []byte(streams().Draw(t, "then")))
	})
}
