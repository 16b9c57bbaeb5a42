package lifecycle

import (
	"fmt"
	"path/filepath"
	"strings"
)

// maxSlug is the longest slug in bytes: with "bot-bottle-" before it, it is a
// legal host name label on every engine.
const maxSlug = 48

// InstancePrefix begins the name of every instance.
const InstancePrefix = "bot-bottle-"

// CheckSlug says what is wrong with a name that a person gave.
func CheckSlug(s string) error {
	bad := func(why string) error {
		return &Problem{Code: CodeUsage, Message: fmt.Sprintf("the name %q %s: use lower-case letters, digits and single dashes, at most %d bytes", clip(s), why, maxSlug),
			Next: "bot-bottle start --name " + orElse(madeSlug(s), "my-bottle")}
	}
	switch {
	case s == "":
		return bad("is empty")
	case len(s) > maxSlug:
		return bad(fmt.Sprintf("is %d bytes long", len(s)))
	case strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") || strings.Contains(s, "--"):
		return bad("has a dash out of place")
	}
	for _, r := range s {
		if !slugRune(r) {
			return bad(fmt.Sprintf("has a %q", r))
		}
	}
	return nil
}

func slugRune(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// madeSlug makes a slug out of any words: what is not allowed becomes a dash.
// It may be empty. Room is left for a number.
func madeSlug(words ...string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.Join(words, "-")) {
		switch {
		case slugRune(r) && r != '-':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := b.String()
	if len(s) > maxSlug-5 {
		s = s[:maxSlug-5]
	}
	return strings.Trim(s, "-")
}

// slugFor proposes a slug from the agent and the folder it works on.
func slugFor(agent, folder string) string {
	base := filepath.Base(folder)
	if base == "." || base == "/" {
		base = ""
	}
	return orElse(madeSlug(agent, base), "bottle")
}

// numbered is the nth proposal for a made slug.
func numbered(slug string, n int) string {
	if n < 2 {
		return slug
	}
	return fmt.Sprintf("%s-%d", slug, n)
}
