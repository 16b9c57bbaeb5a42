package projections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// NoSuchBottle says that a word names no bottle.
type NoSuchBottle struct {
	Word string
	Near []string // slugs that may have been meant, likeliest first
}

func (n *NoSuchBottle) Error() string {
	s := fmt.Sprintf("no such bottle: %q", clip(n.Word))
	if len(n.Near) > 0 {
		s += "; did you mean " + strings.Join(n.Near, ", ") + "?"
	}
	return s
}

// Ambiguous says that a word fits several bottles equally well.
type Ambiguous struct {
	Word       string
	Candidates []Candidate // newest first
}

func (a *Ambiguous) Error() string {
	var names []string
	for _, c := range a.Candidates {
		n := c.Slug + " (" + c.ID
		if c.State == Removed {
			n += ", removed"
		}
		names = append(names, n+")")
	}
	const atMost = 5
	if more := len(names) - atMost; more > 0 {
		names = append(names[:atMost], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%q fits several bottles: %s", clip(a.Word), strings.Join(names, ", "))
}

// clip keeps a hostile word from filling the screen.
func clip(s string) string {
	const atMost = 60
	if utf8.RuneCountInString(s) > atMost {
		return string([]rune(s)[:atMost]) + "…"
	}
	return s
}

// near picks up to three of the known slugs that a word may have meant: one
// that begins with it or has it inside, or one that is a few typing errors
// away.
func near(word string, known []string) []string {
	const atMost, longest = 3, 64
	if word == "" || len(word) > longest {
		return nil
	}
	word = strings.ToLower(word)
	type guess struct {
		slug string
		far  int
	}
	var all []guess
	for _, s := range known {
		far := distance(word, s)
		switch {
		case strings.HasPrefix(s, word):
			far = 0
		case far > len(word)/3+1 && strings.Contains(s, word) && len(word) > 2:
			far = len(word)/3 + 1
		}
		if far <= len(word)/3+1 && far < len(word) {
			all = append(all, guess{s, far})
		}
	}
	slices.SortFunc(all, func(a, b guess) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.slug, b.slug)) })
	var out []string
	for _, g := range all[:min(atMost, len(all))] {
		out = append(out, g.slug)
	}
	return out
}

// distance counts the letters to put in, take out or replace to turn a into b.
func distance(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		corner := last[0]
		last[0] = i + 1
		for j := range len(b) {
			d := corner
			if a[i] != b[j] {
				d = 1 + min(corner, last[j], last[j+1])
			}
			corner, last[j+1] = last[j+1], d
		}
	}
	return last[len(b)]
}
