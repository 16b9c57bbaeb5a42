package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment is a place in the log's life as the user named it: a time, or a
// place in the order of events.
type moment struct {
	Seq  int64     // seq:N; meaningful when BySeq
	Time time.Time // otherwise
	// BySeq says that a place in the order was named.
	BySeq bool
	Given bool
}

// parseMoment reads the one grammar of time there is: `2h` or `-2h` (ago),
// RFC 3339, a local date with or without a time of day, `seq:N`.
func parseMoment(s string, now time.Time) (moment, error) {
	if n, ok := strings.CutPrefix(s, "seq:"); ok {
		seq, err := strconv.ParseInt(n, 10, 64)
		if err != nil || seq < 0 {
			return moment{}, fmt.Errorf("%q: after seq: comes the number of an event", s)
		}
		return moment{Seq: seq, BySeq: true, Given: true}, nil
	}
	if d, err := parseSpan(strings.TrimPrefix(s, "-")); err == nil {
		return moment{Time: now.Add(-d), Given: true}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return moment{Time: t, Given: true}, nil
	}
	for _, form := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return moment{Time: t, Given: true}, nil
		}
	}
	return moment{}, fmt.Errorf("%q is no time: use 2h (ago), 2026-11-23, 2026-11-23T20:15:04Z or seq:42", s)
}

// parseSpan reads a length of time: Go's units (ms, s, m, h) and d for 24
// hours, w for seven days; the units may be combined, as in 1d12h.
func parseSpan(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no length of time: use a number and a unit, as in 90s, 5m, 2h, 30d", s)
	var long time.Duration
	rest := s
	for {
		i := strings.IndexAny(rest, "dw")
		if i < 0 {
			break
		}
		n, err := strconv.ParseUint(rest[:i], 10, 16)
		if err != nil {
			return 0, bad
		}
		unit := 24 * time.Hour
		if rest[i] == 'w' {
			unit *= 7
		}
		if long += time.Duration(n) * unit; long < 0 {
			return 0, bad
		}
		rest = rest[i+1:]
	}
	if rest == "" && s != "" {
		return long, nil
	}
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		return 0, bad
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || long+d < 0 {
		return 0, bad
	}
	if d == 0 && strings.Trim(rest, "0") == "" {
		return long, nil // "0" needs no unit, in Go as well
	}
	return long + d, nil
}

// span is a flag that holds a length of time.
type span time.Duration

// UnmarshalText reads the flag's value.
func (s *span) UnmarshalText(b []byte) error {
	d, err := parseSpan(string(b))
	*s = span(d)
	return err
}

// stamp writes a time as JSON has it: RFC 3339, UTC, milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// age writes how long ago t is, in one unit, for tables.
func age(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	switch d := now.Sub(t); {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	default:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
}
