package backends

import (
	"fmt"
	"slices"
	"strings"
)

// Registry holds the kinds of backend that a program was built with.
type Registry struct{ kinds []Kind }

// NewRegistry makes a registry. The first kind is the one that a new bottle
// gets by detection.
func NewRegistry(kinds ...Kind) *Registry { return &Registry{kinds: kinds} }

// Kind finds a kind by name.
func (r *Registry) Kind(name string) (Kind, error) {
	i := slices.IndexFunc(r.kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, &UnknownKind{Name: name, Known: r.Names()}
	}
	return r.kinds[i], nil
}

// Names lists the kinds in order.
func (r *Registry) Names() []string {
	names := make([]string, len(r.kinds))
	for i, k := range r.kinds {
		names[i] = k.Name
	}
	return names
}

// Open makes a backend for a recorded kind and endpoint.
func (r *Registry) Open(kind, endpoint string) (Backend, error) {
	k, err := r.Kind(kind)
	if err != nil {
		return nil, &Unavailable{Backend: kind, Endpoint: endpoint, Err: err,
			Why: "this bot-bottle was built without it", Hint: "use the bot-bottle that made the bottle"}
	}
	return k.Open(endpoint)
}

// UnknownKind says that no backend has that name.
type UnknownKind struct {
	Name  string
	Known []string
}

func (u *UnknownKind) Error() string {
	return fmt.Sprintf("no backend %q: there is %s", u.Name, strings.Join(u.Known, ", "))
}
