package screen_test

import (
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

var options = screen.Options{ScrollbackBytes: 2 << 10}

// differ is the first lines in which two texts differ.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "\n" + x[i] + "\n" + y[i]
		}
	}
	return "\n" + strings.Join(x[min(len(x), len(y)):], "\n") + "\n" + strings.Join(y[min(len(x), len(y)):], "\n")
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// same fails where two screens are not the same.
func same(t failer, what string, want, got *screen.Screen) {
	t.Helper()
	if a, b := want.Dump(), got.Dump(); a != b {
		t.Fatalf("%s: the first is wanted:%s", what, differ(a, b))
	}
}

func sound(t failer, s *screen.Screen) {
	t.Helper()
	if why := s.Broken(); why != "" {
		t.Fatalf("broken: %s", why)
	}
}

// redrawn draws a screen on a new one and on another one, compares, and goes on
// with what comes then.
func redrawn(t failer, s, dirty *screen.Screen, then []byte) {
	t.Helper()
	rows, cols := s.Size()
	drawn := s.Redraw(screen.Replace)
	fresh := screen.New(rows, cols, options)
	fresh.Write(drawn)
	same(t, "drawn on a new screen", s, fresh)
	dirty.Resize(rows, cols)
	dirty.Write(drawn)
	sound(t, dirty)
	same(t, "drawn on another screen", s, dirty)
	s.Write(then)
	fresh.Write(then)
	sound(t, fresh)
	same(t, "after more output", s, fresh)
}

func FuzzScreen(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.in), uint8(3), uint8(4), uint8(9))
		f.Add([]byte(c.in+"\x1b[?1049h"+c.in), uint8(5), uint8(2), uint8(40))
	}
	f.Add([]byte("\x1b]8;id=1;http://a\x1b\\link\x1b[4:3;58:2::1:2:3mcurly\r\n\x1b[48;5;9mred\x1b[K\r\n\n\n\n"), uint8(7), uint8(3), uint8(12))
	f.Fuzz(func(t *testing.T, in []byte, cut, rows, cols uint8) {
		r, c := int(rows%12)+1, int(cols%50)+1
		whole, parts := screen.New(r, c, options), screen.New(r, c, options)
		half := len(in) / 2
		whole.Write(in[:half])
		for i := 0; i < half; {
			n := min(half-i, 1+(i+int(cut))%5)
			parts.Write(in[i : i+n])
			i += n
		}
		sound(t, whole)
		same(t, "in parts", whole, parts)
		dirty := screen.New(c, r, options)
		dirty.Write(in[half:])
		dirty.Write(in)
		redrawn(t, whole, dirty, in[half:])
		if cut%3 == 0 {
			whole.Resize(int(cut)%9+1, int(cut)%31+1)
			sound(t, whole)
			dirty.Write(in[:half])
			redrawn(t, whole, dirty, in)
		}
	})
}
