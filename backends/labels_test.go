package backends_test

import (
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

func TestLabelsAreKept(t *testing.T) {
	want := backends.Labels{Home: "h", Bottle: "b", Nonce: "n", Generation: 12}
	kept := want.Pairs("slug")
	if got := backends.LabelsOf(kept); got != want || kept[backends.LabelSlug] != "slug" {
		t.Errorf("kept as %v, read as %+v", kept, got)
	}
	for _, odd := range []string{"", "x", "1.5", "99999999999999999999"} {
		kept[backends.LabelGeneration] = odd
		if got := backends.LabelsOf(kept); got.Generation != 0 {
			t.Errorf("generation %q is read as %d", odd, got.Generation)
		}
	}
}
