package keys_test

import (
	"errors"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/keys"
)

// TestDetachKeys: what is no detach key arrives, whole and in order, however
// the input is cut into pieces.
func TestDetachKeys(t *testing.T) {
	for _, c := range []struct {
		name, keys, in, out string
		typed               bool
	}{
		{"the keys", "\x10\x11", "\x10\x11", "", true},
		{"words before them", "\x10\x11", "ls\n\x10\x11", "ls\n", true},
		{"nothing after them", "\x10\x11", "a\x10\x11rm\n", "a", true},
		{"one of them", "\x10\x11", "\x10ls\n", "\x10ls\n", false},
		{"one of them at the end", "\x10\x11", "ls\x10", "ls\x10", false},
		{"the second alone", "\x10\x11", "\x11\x11", "\x11\x11", false},
		{"the first twice", "\x10\x11", "\x10\x10\x11", "\x10", true},
		{"a start within a start", "aab", "aaab", "a", true},
		{"a start within a longer start", "abac", "ababac", "ab", true},
		{"no keys", "", "\x10\x11", "\x10\x11", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for size := 1; size <= len(c.in); size++ {
				if out, typed := typeKeys(c.keys, c.in, size); out != c.out || typed != c.typed {
					t.Errorf("in pieces of %d: %q, %t; want %q, %t", size, out, typed, c.out, c.typed)
				}
			}
		})
	}
}

// typeKeys types in pieces of size bytes and says what gets through.
func typeKeys(spec, in string, size int) (out string, typed bool) {
	k := keys.New([]byte(spec))
	for len(in) > 0 {
		n := min(size, len(in))
		out += string(k.Pass([]byte(in[:n])))
		in = in[n:]
	}
	return out + string(k.Release()), k.IsTyped()
}

// TestLateKeys: what was held back for too long is let go once, and the keys
// are noticed all the same.
func TestLateKeys(t *testing.T) {
	k := keys.New([]byte("\x10\x11"))
	out := string(k.Pass([]byte("a\x10")))
	if !k.Holds() {
		t.Error("nothing is held")
	}
	out += string(k.Release()) + string(k.Release())
	if out != "a\x10" || k.Holds() {
		t.Errorf("let go: %q, holds %v", out, k.Holds())
	}
	if more := string(k.Pass([]byte("\x10b\x10"))); more != "\x10b" {
		t.Errorf("then %q", more)
	}
	k.Release()
	if more := string(k.Pass([]byte("\x11"))); more != "" || !k.IsTyped() {
		t.Errorf("the second key: %q, typed %v", more, k.IsTyped())
	}
}

func TestParse(t *testing.T) {
	for spec, want := range map[string]string{"": "\x10\x11", "ctrl-a,d": "\x01d", "ctrl-^,ctrl-^": "\x1e\x1e", "DEL": "\x7f"} {
		if got, err := keys.Parse(spec); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v, want %q", spec, got, err, want)
		}
	}
	for _, spec := range []string{"ctrl-nothing", ",", "ab"} {
		if _, err := keys.Parse(spec); !errors.Is(err, backends.ErrBadRequest) {
			t.Errorf("%q: %v", spec, err)
		}
	}
}
