package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseSize reads a number of bytes as docker's flags do: a number, whole or
// with a point, and b, k, m, g or t for powers of 1024; "kb" and "kib" mean
// the same as "k".
func parseSize(s string) (int64, error) {
	bad := fmt.Errorf("%q is no size: use a number with k, m, g or t, as in 512m or 2g", s)
	num := strings.TrimRight(strings.ToLower(s), "bkmgti")
	unit := strings.ToLower(s)[len(num):]
	shift := map[string]uint{"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40}
	by, ok := shift[unit]
	if !ok || num == "" || strings.Trim(num, "0123456789.") != "" {
		return 0, bad
	}
	f, err := strconv.ParseFloat(num, 64)
	if err != nil {
		return 0, bad
	}
	f *= float64(uint64(1) << by)
	if f < 1 || f >= math.MaxInt64 {
		return 0, bad
	}
	return int64(f), nil
}

// bytesFlag is a flag that holds a size in bytes.
type bytesFlag int64

// UnmarshalText reads the flag's value.
func (f *bytesFlag) UnmarshalText(b []byte) error {
	n, err := parseSize(string(b))
	*f = bytesFlag(n)
	return err
}

// bytesText writes a size for people.
func bytesText(n int64) string {
	if n < 0 {
		return "-"
	}
	f, units := float64(n), "BKMGT"
	for f >= 1024 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	if units[0] == 'B' {
		return strconv.FormatInt(n, 10) + "B"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + units[:1]
}
