package backends_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// opened tells which kind opened what; nothing is asked of it.
type opened struct {
	backends.Backend
	kind, endpoint string
}

var errBroken = errors.New("broken")

func kind(name string) backends.Kind {
	return backends.Kind{Name: name, Open: func(endpoint string) (backends.Backend, error) {
		if endpoint == "broken" {
			return nil, errBroken
		}
		return opened{kind: name, endpoint: endpoint}, nil
	}}
}

func TestRegistryKeepsTheOrder(t *testing.T) {
	r := backends.NewRegistry(kind("b"), kind("a"), kind("c"))
	want := []string{"b", "a", "c"}
	if got := r.Names(); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	r.Names()[0] = "spoiled"
	if got := r.Names(); !slices.Equal(got, want) {
		t.Errorf("a caller changed the names to %q", got)
	}
}

func TestRegistryFindsExactNames(t *testing.T) {
	r := backends.NewRegistry(kind("one"), kind("other"))
	for _, name := range []string{"one", "other"} {
		k, err := r.Kind(name)
		if err != nil || k.Name != name {
			t.Errorf("Kind(%q): %q, %v", name, k.Name, err)
		}
	}
	for _, name := range []string{"", "on", "One", "one ", "onee", "oth"} {
		_, err := r.Kind(name)
		var unknown *backends.UnknownKind
		if !errors.As(err, &unknown) || unknown.Name != name || !slices.Equal(unknown.Known, []string{"one", "other"}) {
			t.Errorf("Kind(%q): %v, want an UnknownKind that lists what there is", name, err)
			continue
		}
		for _, word := range []string{"one", "other"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not name %s", err, word)
			}
		}
	}
}

func TestRegistryOpensTheRecordedKind(t *testing.T) {
	r := backends.NewRegistry(kind("one"), kind("other"))
	b, err := r.Open("other", "somewhere")
	if o, ok := b.(opened); err != nil || !ok || o.kind != "other" || o.endpoint != "somewhere" {
		t.Errorf("Open: %+v, %v", b, err)
	}
	if _, err := r.Open("one", "broken"); !errors.Is(err, errBroken) {
		t.Errorf("Open of what does not open: %v", err)
	}
}

// A bottle whose backend is not in this program is not lost: there is an
// engine, and we cannot ask it.
func TestRegistryWithoutTheRecordedKindIsUnavailable(t *testing.T) {
	_, err := backends.NewRegistry(kind("one")).Open("other", "somewhere")
	var down *backends.Unavailable
	if !errors.As(err, &down) || down.Backend != "other" || down.Endpoint != "somewhere" || down.Hint == "" {
		t.Errorf("Open: %v, want an Unavailable with a hint", err)
	}
	var unknown *backends.UnknownKind
	if !errors.As(err, &unknown) {
		t.Errorf("Open: %v does not say why", err)
	}
}

func TestUnavailableTellsWhereAndWhy(t *testing.T) {
	for _, c := range []struct {
		err  *backends.Unavailable
		want string
	}{
		{&backends.Unavailable{Backend: "b", Endpoint: "e", Why: "no answer"}, "b at e: no answer"},
		{&backends.Unavailable{Backend: "b", Endpoint: "e", Why: "no answer", Err: errBroken}, "b at e: no answer: broken"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if errors.Is(c.err, errBroken) != (c.err.Err != nil) {
			t.Errorf("%q: what is beneath it is not found", c.err)
		}
	}
}
