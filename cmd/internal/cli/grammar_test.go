package cli_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("here", 3600))

func TestMoments(t *testing.T) {
	for in, want := range map[string]time.Time{
		"2h":                        noon.Add(-2 * time.Hour),
		"-2h":                       noon.Add(-2 * time.Hour),
		"1d12h":                     noon.Add(-36 * time.Hour),
		"2w":                        noon.Add(-14 * 24 * time.Hour),
		"0":                         noon,
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, noon.Location()),
		"2026-11-20 08:30":          time.Date(2026, 11, 20, 8, 30, 0, 0, noon.Location()),
		"2026-11-20T08:30:10":       time.Date(2026, 11, 20, 8, 30, 10, 0, noon.Location()),
		"2026-11-20T08:30:10Z":      time.Date(2026, 11, 20, 8, 30, 10, 0, time.UTC),
		"2026-11-20T08:30:10+05:00": time.Date(2026, 11, 20, 3, 30, 10, 0, time.UTC),
	} {
		got, _, bySeq, err := cli.Moment(in, noon)
		if err != nil || bySeq || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", in, got, err, want)
		}
	}
	if _, seq, bySeq, err := cli.Moment("seq:42", noon); seq != 42 || !bySeq || err != nil {
		t.Errorf("seq:42 is %d, %v, %v", seq, bySeq, err)
	}
	for _, bad := range []string{"", "yesterday", "seq:", "seq:-1", "seq:x", "2h30", "--2h", "-", "2026-13-01", "2026-11-31", "+2h", "1e3s", "h", "99999999w"} {
		if m, _, _, err := cli.Moment(bad, noon); err == nil {
			t.Errorf("%q is taken for %v", bad, m)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int64{
		"1": 1, "512": 512, "1b": 1, "2k": 2048, "2K": 2048, "512m": 512 << 20, "2g": 2 << 30, "1.5g": 3 << 29,
		"1t": 1 << 40, "64MiB": 64 << 20, "64mb": 64 << 20,
	} {
		if got, err := cli.Size(in); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "g", "-1g", "0", "1x", "1gg", "1..5g", "9999999t", "1 g", "0x10", "1e3", "NaN", "Inf", "bib"} {
		if n, err := cli.Size(bad); err == nil {
			t.Errorf("%q is taken for %d", bad, n)
		}
	}
	for n, want := range map[int64]string{-1: "-", 0: "0B", 1023: "1023B", 1536: "1.5K", 2 << 30: "2.0G"} {
		if got := cli.SizeText(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// FuzzMoment: a moment that is read is a real time, and a length of time says
// the same as a moment that long ago.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{"2h", "-2h", "seq:7", "2026-11-23", "1d1w", "2026-11-23T20:15:04.123Z", "0.5h", "1µs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, seq, bySeq, err := cli.Moment(s, noon)
		if err != nil {
			return
		}
		if bySeq != strings.HasPrefix(s, "seq:") || seq < 0 || bySeq && !m.IsZero() {
			t.Fatalf("%q: %v, seq %d, %v", s, m, seq, bySeq)
		}
		if d, err := cli.Span(s); err == nil {
			if d < 0 || !bySeq && !m.Equal(noon.Add(-d)) {
				t.Fatalf("%q: span %v, moment %v", s, d, m)
			}
		}
	})
}

// FuzzSize: a size that is read is positive, and a larger unit means more.
func FuzzSize(f *testing.F) {
	for _, s := range []string{"2g", "1.5m", "512", "1kib", "0.001k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := cli.Size(s)
		if err != nil {
			return
		}
		if n < 1 {
			t.Fatalf("%q is %d", s, n)
		}
		if strings.Trim(s, "0123456789.") == "" {
			if k, err := cli.Size(s + "k"); err == nil && k < n {
				t.Fatalf("%q is %d, with k %d", s, n, k)
			}
		}
	})
}

// FuzzConfig: the decoder takes any bytes, and a lock is read only from the
// machine's file.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{"", "image: x\n", "agents: {claude: {argv: [claude], env: [A]}}", "locked: {image: y}", "a: &a [*a]",
		"<<: {image: x}", "--- \n---\n", "agents:\n  <<: {x: {}}\n", "image: [1]", "\x00", "# only\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, system bool) {
		_, locked, _, err := cli.DecodeConfig(b, system)
		if err == nil && locked != "" && !system {
			t.Fatalf("%q locks %q", b, locked)
		}
	})
}

func TestNearest(t *testing.T) {
	known := []string{"start", "stop", "restart", "resume", "list", "logs", "label"}
	for in, want := range map[string]string{"lst": "list", "lsit": "list", "sta": "start", "stpo": "stop", "reusme": "resume", "xyzzy": "", "": "", "logz": "logs"} {
		if got := cli.Nearest(in, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", in, got, want)
		}
	}
}

func TestDetachKeys(t *testing.T) {
	for _, good := range []string{"", "ctrl-p,ctrl-q", "a", "ctrl-@", "ctrl-[,x", "~,."} {
		if err := cli.CheckDetachKeys(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"ctrl-", "ctrl-pp", "ab", ",", "a,", " ", "ctrl-A", "é", "\x1b"} {
		if cli.CheckDetachKeys(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestInside(t *testing.T) {
	for in, want := range map[string][2]string{"a:/x": {"a", "/x"}, "a:": {"a", ""}, "fix-login:/a:b": {"fix-login", "/a:b"}} {
		if b, p, ok := cli.Inside(in); !ok || b != want[0] || p != want[1] {
			t.Errorf("%s is %q, %q, %v", in, b, p, ok)
		}
	}
	for _, host := range []string{"/a:b", "./a:b", "../a:b", "file", ":x", "a/b:c"} {
		if _, _, ok := cli.Inside(host); ok {
			t.Errorf("%s is taken for a bottle", host)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		47 * time.Hour: "47h", 48 * time.Hour: "2d", -time.Hour: "0s"} {
		if got := cli.Age(noon.Add(-d), noon); got != want {
			t.Errorf("%v ago is %s, want %s", d, got, want)
		}
	}
}

// Every verb's grammar builds, names are unique, and nothing of a later day is
// there.
func TestGrammar(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range cli.CommandNames() {
		if seen[name] {
			t.Errorf("two verbs are called %s", name)
		}
		seen[name] = true
		flags := cli.Flags(name)
		if len(flags) < 11 {
			t.Errorf("%s has the flags %q only", name, flags)
		}
		for _, later := range []string{"--resume-arg", "--at", "--prove"} {
			if slices.Contains(flags, later) {
				t.Errorf("%s has %s, which comes later", name, later)
			}
		}
	}
	for _, want := range strings.Fields("start run resume restart attach exec shell send cp stop rm delete list ls ps show inspect history events " +
		"logs wait rename label protect unprotect cleanup recover adopt import rebuild export restore doctor completion version") {
		if !seen[want] {
			t.Errorf("there is no %s", want)
		}
	}
	for _, later := range strings.Fields("verify checkpoint redact diff dashboard") {
		if seen[later] {
			t.Errorf("%s is there", later)
		}
	}
}
