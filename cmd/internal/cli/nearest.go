package cli

import (
	"fmt"
	"strings"
)

// nearest is the known word that was most likely meant, or "".
func nearest(word string, known []string) string {
	best, least := "", len(word)/3+2
	for _, k := range known {
		if len(word) >= 2 && strings.HasPrefix(k, word) {
			return k
		}
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (restricted Damerau-Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// oneOf checks a word against a closed set and names the likeliest when it is
// not in it.
func oneOf(what, word string, known []string) error {
	for _, k := range known {
		if k == word {
			return nil
		}
	}
	msg := fmt.Sprintf("%s %q: there is %s", what, clip(word), strings.Join(known, ", "))
	if n := nearest(word, known); n != "" {
		msg += fmt.Sprintf("; did you mean %s?", n)
	}
	return usageError(msg)
}

// clip keeps a hostile word from filling the screen.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
