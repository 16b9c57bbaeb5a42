package backends

import "strconv"

// Labels that every instance carries, and every other object we make in an
// engine (LabelHome at least).
const (
	LabelHome       = "bot-bottle.home"       // id of the home that made it
	LabelBottle     = "bot-bottle.bottle"     // id of the bottle
	LabelGeneration = "bot-bottle.generation" // decimal
	LabelNonce      = "bot-bottle.nonce"      // random, written in the claim before Create
	LabelSlug       = "bot-bottle.slug"       // as of creation; for people, never for decisions
	LabelKind       = "bot-bottle.kind"       // of what is made besides instances; see Throwaway
)

// Labels name an instance's owner.
type Labels struct {
	Home, Bottle, Nonce string
	Generation          int
}

// Pairs are what an engine is given to keep with the instance. What is no
// bottle's has no slug.
func (l Labels) Pairs(slug string) map[string]string {
	pairs := map[string]string{LabelHome: l.Home, LabelBottle: l.Bottle, LabelNonce: l.Nonce, LabelGeneration: strconv.Itoa(l.Generation)}
	if slug != "" {
		pairs[LabelSlug] = slug
	}
	return pairs
}

// LabelsOf reads what an engine kept. A generation that is no number is 0,
// which no bottle has.
func LabelsOf(pairs map[string]string) Labels {
	n, err := strconv.Atoi(pairs[LabelGeneration])
	if err != nil {
		n = 0
	}
	return Labels{Home: pairs[LabelHome], Bottle: pairs[LabelBottle], Nonce: pairs[LabelNonce], Generation: n}
}
