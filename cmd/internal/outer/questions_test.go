package outer

import (
	"io"
	"testing"
	"time"
)

func TestPending(t *testing.T) {
	now := time.Unix(0, 0)
	term := New(io.Discard, Options{})
	term.asked.now = func() time.Time { return now }
	is := func(want bool, when string) {
		t.Helper()
		if term.Pending() != want {
			t.Errorf("%s: Pending is %v", when, !want)
		}
	}
	write := func(s string) { term.Write([]byte(s)) }
	is(false, "at first")
	write("text\x1b[m\x1b]11;red\a\x1b[21t")
	is(false, "without a question")
	for _, q := range []string{"\x1b[c", "\x1b[6n", "\x1b[?2026$p", "\x1b]11;?\a", "\x1b[?u", "\x1b[>q", "\x1b[18t", "\x1bP+q544e\x1b\\", "\x1b_Gi=1;AAAA\x1b\\", "\x1b]22;?text\a"} {
		write(q)
		is(true, "after a question")
		term.Heard([]byte("a\x1b[A\x1b"))
		is(true, "after keys")
		term.Heard([]byte("\x1b[?1;2c"))
		is(false, "after an answer")
	}
	write("\x1b[c\x1b]10;?\a")
	term.Heard([]byte("\x1b]10;rgb:0/0/0\x1b\\"))
	is(true, "after one of two answers")
	now = now.Add(2 * time.Second)
	is(false, "after a while")
}
