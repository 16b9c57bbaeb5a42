package screen_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
)

// TestHostileOutputEnds: no sequence takes long, whatever it asks for.
func TestHostileOutputEnds(t *testing.T) {
	for name, unit := range map[string]string{
		"repeats":      "a\x1b[4294967296b",
		"scrolls":      "\x1b[99999S\x1b[99999T",
		"lines":        "\x1b[99999L\x1b[99999M",
		"tabs":         "\x1b[99999I\x1b[99999Z",
		"keys":         "\x1b[>1u\x1b[<99999u",
		"screens":      "\x1b[?1049h\x1b[?1049l",
		"resets":       "\x1bc",
		"a title":      "\x1b]2;" + strings.Repeat("x", 4000),
		"a string":     "\x1bP" + strings.Repeat("x", 4000),
		"numbers":      "\x1b[" + strings.Repeat("9;", 2000),
		"a number":     "\x1b[" + strings.Repeat("9", 4000),
		"marks":        strings.Repeat("\u0301", 2000),
		"letters":      strings.Repeat("\u1112\u200d", 1000),
		"broken UTF-8": strings.Repeat("\xf0\x9f", 2000),
	} {
		s := screen.New(50, 200, screen.Options{ScrollbackBytes: 1 << 20})
		start := time.Now()
		s.Write([]byte(strings.Repeat(unit, 1+6000/len(unit))))
		sound(t, s)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// distinct is output in which nothing comes twice: links, colours of
// underlines, clusters.
func distinct(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "\x1b]8;id=%d;http://%s/%d\a\x1b[58;2;%d;%d;%dm%c%c%c", i, strings.Repeat("h", 99), i, i>>16, i>>8&255, i&255,
			'a'+i%26, 0x300+i/26%64, 0x300+i/1664%64)
	}
	return b.Bytes()
}

// TestWhatIsInternedIsBounded, and what is not shown any more makes room.
func TestWhatIsInternedIsBounded(t *testing.T) {
	s := screen.New(5, 10, screen.Options{ScrollbackBytes: 64 << 10})
	s.Write(distinct(30000))
	sound(t, s)
	if clusters, extras := s.Interned(); clusters > 4096 || extras > 4096 {
		t.Errorf("%d clusters, %d extras", clusters, extras)
	}
	if lines := s.Lines(); lines[0].Runs[0].Style.Link.URI == "" || len([]rune(lines[0].Runs[0].Text)) != 3 {
		t.Errorf("the last are lost: %+v", lines[0].Runs[0])
	}
	big := screen.New(300, 200, screen.Options{})
	start := time.Now()
	big.Write(distinct(60000))
	sound(t, big)
	if took := time.Since(start); took > 60*time.Second {
		t.Errorf("%v where all are shown", took)
	}
}

// TestMemoryIsBounded: of an idle screen of the usual size, and of one that was
// attacked.
func TestMemoryIsBounded(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	plain, mixed := outputs()["plain"], distinct(20000)
	for name, out := range map[string][]byte{"plain": plain, "distinct": mixed} {
		before := heap()
		s := screen.New(50, 200, screen.Options{ScrollbackBytes: 2 << 20})
		for range 4 {
			s.Write(out)
		}
		s.Write([]byte("\x1b[?1049h"))
		s.Write(out)
		used := heap() - before
		t.Logf("%s: %d bytes", name, used)
		if used > 5<<20 {
			t.Errorf("%s: %d bytes", name, used)
		}
		runtime.KeepAlive(s)
	}
}

// TestOutputCostsNoAllocation, once there is room for what is kept.
func TestOutputCostsNoAllocation(t *testing.T) {
	for name, out := range outputs() {
		s := screen.New(50, 200, screen.Options{ScrollbackBytes: 64 << 10})
		s.Write(out)
		s.Write(out)
		if n := testing.AllocsPerRun(2, func() { s.Write(out) }); n > 10 {
			t.Errorf("%s: %v allocations for %d bytes", name, n, len(out))
		}
	}
}
