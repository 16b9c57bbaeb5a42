package screen_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// outputs are what programs print, about a megabyte each.
func outputs() map[string][]byte {
	var plain, coloured, wide, full bytes.Buffer
	for i := range 1 << 14 {
		fmt.Fprintf(&plain, "%06d the quick brown fox jumps over the lazy dog, again\r\n", i)
		for j := range 4 {
			fmt.Fprintf(&coloured, "\x1b[1;38;5;%dmword%d\x1b[0m \x1b[38;2;%d;20;30m%s\x1b[39m ", (i+j)%256, j, i%256, "other")
		}
		coloured.WriteString("\r\n")
		wide.WriteString("漢字かな交じり文 é ü ✓ \r\n")
		fmt.Fprintf(&full, "\x1b[%d;%dH\x1b[7m%s\x1b[27m\x1b[K", i%50+1, i%100+1, strings.Repeat("=", i%60))
	}
	return map[string][]byte{"plain": plain.Bytes(), "coloured": coloured.Bytes(), "wide": wide.Bytes(), "fullscreen": full.Bytes()}
}

func BenchmarkWrite(b *testing.B) {
	for name, in := range outputs() {
		b.Run(name, func(b *testing.B) {
			s := screen.New(50, 200, screen.Options{ScrollbackBytes: 2 << 20})
			s.Write(in)
			s.Write(in)
			s.Write(in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				s.Write(in)
			}
		})
	}
}

func BenchmarkRedraw(b *testing.B) {
	s := screen.New(50, 200, screen.Options{ScrollbackBytes: 2 << 20})
	for range 4 {
		s.Write(outputs()["coloured"])
	}
	b.SetBytes(int64(len(s.Redraw(screen.Replace))))
	for b.Loop() {
		s.Redraw(screen.Replace)
	}
}
