package projections

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Candidate is a bottle that a word may have meant.
type Candidate struct {
	ID, Slug  string
	State     State
	CreatedAt time.Time
}

// tail is how many hex digits at the end of an id are enough to name it.
const tail = 6

// Lookup finds the bottle that a word names: a slug, an id, a prefix of
// either, or the last six or more hex digits of an id, dashes ignored. What
// comes first wins: the slug of a bottle that is not removed, an id, the slug
// of a removed one, then what fits in part, removed bottles last. A word that
// fits several equally well is *[Ambiguous], one that fits none
// *[NoSuchBottle].
//
// With exact nothing fits in part, and of several removed bottles of that
// name the newest is meant: there is nothing more to be done to any of them.
func Lookup(ctx context.Context, q Queryer, word string, exact bool) (string, error) {
	// Most words are the slug of a bottle that is there.
	found, err := candidates(ctx, q, `state <> 'removed' AND slug = ?`, word)
	if err != nil {
		return "", err
	}
	if len(found) == 1 {
		return found[0].ID, nil
	}
	hex := hexDigits(word)
	found, err = candidates(ctx, q, `slug = ?1 OR substr(slug, 1, length(?1)) = ?1
		OR ?2 <> '' AND (substr(replace(id, '-', ''), 1, length(?2)) = ?2 OR substr(replace(id, '-', ''), -length(?2)) = ?2)`, word, hex)
	if err != nil {
		return "", err
	}
	return choose(found, word, exact, func() ([]string, error) { return Slugs(ctx, q) })
}

// LookupIn is [Lookup] among rows that were folded in memory, newest first.
func LookupIn(rows []Row, word string, exact bool) (string, error) {
	var all []Candidate
	for _, r := range rows {
		all = append(all, Candidate{r.ID, r.Slug, r.State, r.CreatedAt})
	}
	return choose(all, word, exact, func() (slugs []string, _ error) {
		for _, c := range all {
			if c.State != Removed {
				slugs = append(slugs, c.Slug)
			}
		}
		return slugs, nil
	})
}

// choose ranks the candidates, which come newest first.
func choose(all []Candidate, word string, exact bool, slugs func() ([]string, error)) (string, error) {
	hex := hexDigits(word)
	var rank [5][]Candidate
	for _, c := range all {
		if r := c.rank(word, hex); r >= 0 && word != "" {
			rank[r] = append(rank[r], c)
		}
	}
	for r, fit := range rank {
		if len(fit) == 0 || exact && r > removedSlug {
			continue
		}
		if len(fit) > 1 && !(exact && r == removedSlug) {
			return "", &Ambiguous{Word: word, Candidates: fit}
		}
		return fit[0].ID, nil
	}
	known, err := slugs()
	if err != nil {
		return "", err
	}
	return "", &NoSuchBottle{Word: word, Near: near(word, known)}
}

// How well a word fits a bottle, best first; -1 is not at all.
const (
	liveSlug = iota
	wholeID
	removedSlug
	livePart
	removedPart
)

func (c Candidate) rank(word, hex string) int {
	removed := c.State == Removed
	id := hexDigits(c.ID)
	switch {
	case c.Slug == word && !removed:
		return liveSlug
	case hex != "" && hex == id:
		return wholeID
	case c.Slug == word:
		return removedSlug
	case strings.HasPrefix(c.Slug, word),
		hex != "" && strings.HasPrefix(id, hex),
		len(hex) >= tail && strings.HasSuffix(id, hex):
		if removed {
			return removedPart
		}
		return livePart
	}
	return -1
}

// hexDigits is a word without its dashes, in lower case; "" when it cannot be
// part of an id.
func hexDigits(word string) string {
	s := strings.ToLower(strings.ReplaceAll(word, "-", ""))
	if strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// candidates reads bottles by a condition, newest first.
func candidates(ctx context.Context, q Queryer, where string, args ...any) ([]Candidate, error) {
	rows, err := q.Query(ctx, `SELECT id, slug, state, created_at FROM bottles WHERE `+where+` ORDER BY created_seq DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("look up a bottle: %w", explain(ctx, q, err))
	}
	defer rows.Close()
	var out []Candidate
	for rows.Next() {
		var c Candidate
		var ms int64
		if err := rows.Scan(&c.ID, &c.Slug, &c.State, &ms); err != nil {
			return nil, fmt.Errorf("look up a bottle: %w", err)
		}
		c.CreatedAt = time.UnixMilli(ms).UTC()
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look up a bottle: %w", err)
	}
	return out, nil
}
