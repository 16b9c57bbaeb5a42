// Package imageref reads the words by which people name images, so that a
// word means the same on every backend.
package imageref

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Ref is what the word for an image means: a name, the id of a content, or
// the beginning of an id.
type Ref struct {
	Named reference.Named // with its tag or digest; nil: ID is all there is
	ID    string          // sha256:…, in full
	Short string          // the beginning of an id's digits, when it may be one
}

// IDPrefix begins every content id; 64 hexadecimal digits follow.
const IDPrefix = "sha256:"

const (
	idDigits = 64
	// shortDigits is how much of an id the docker command shows.
	shortDigits = 12
)

// Parse reads an image's name as the docker command does. What is no name is
// [backends.ErrImageNotFound]. Paths ([backends.IsImagePath]) are not for it.
func Parse(word string) (Ref, error) {
	if IsID(word) || IsID(IDPrefix+word) {
		return Ref{ID: IDPrefix + strings.TrimPrefix(word, IDPrefix)}, nil
	}
	named, err := reference.ParseNormalizedNamed(word)
	if err != nil {
		return Ref{}, fmt.Errorf("image %.100q: %w: it is not the name of an image: %w", word, backends.ErrImageNotFound, err)
	}
	if d, ok := named.(reference.Digested); ok {
		// a tag beside a digest says nothing, and not every engine takes both
		if named, err = reference.WithDigest(reference.TrimNamed(named), d.Digest()); err != nil {
			return Ref{}, fmt.Errorf("image %.100q: %w: %w", word, backends.ErrImageNotFound, err)
		}
	}
	r := Ref{Named: reference.TagNameOnly(named)}
	if len(word) >= shortDigits && IsHex(word) {
		r.Short = word
	}
	return r, nil
}

// IsID says whether s is a content id in full.
func IsID(s string) bool {
	hex, ok := strings.CutPrefix(s, IDPrefix)
	return ok && len(hex) == idDigits && IsHex(hex)
}

// IsHex says whether s is made of lower-case hexadecimal digits only.
func IsHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
