package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// upstreamNames are the names that the instance of a record may have.
func upstreamNames(r *record) []string {
	names := []string{r.ComposeProject, r.Identity, InstancePrefix + r.Identity}
	return slices.Compact(slices.DeleteFunc(names, func(n string) bool { return n == "" }))
}

// findUpstream looks for the instance of a record: the one of its compose
// project, or of several the one with the very name; where the project has
// none, the one with the very name. nil is none, or more than one, and why.
// What carries bot-bottle's own labels is no upstream's, and an engine that
// gives no id cannot name it for ever.
func (m *Manager) findUpstream(ctx context.Context, be backends.Backend, r *record) (found *backends.Observation, why string, err error) {
	names := upstreamNames(r)
	var candidates []backends.Observation
	where := "named " + strings.Join(names, " or ")
	if p, ok := be.(backends.Projects); ok && r.ComposeProject != "" {
		if candidates, err = p.InProject(ctx, r.ComposeProject); err != nil {
			return nil, "", err
		}
		candidates = slices.DeleteFunc(candidates, labelled)
		where += ", or of the compose project " + r.ComposeProject
	}
	if len(candidates) > 1 {
		if exact := slices.DeleteFunc(slices.Clone(candidates), func(o backends.Observation) bool { return !slices.Contains(names, o.Name) }); len(exact) > 0 {
			candidates = exact
		}
	}
	if len(candidates) == 0 {
		if candidates, err = namedUpstream(ctx, be, names); err != nil {
			return nil, "", err
		}
	}
	switch len(candidates) {
	case 0:
		return nil, "no instance is " + where, nil
	case 1:
	default:
		var all []string
		for _, o := range candidates {
			all = append(all, o.Name)
		}
		return nil, fmt.Sprintf("several instances may be it, and none is taken for it: %s", strings.Join(all, ", ")), nil
	}
	o := candidates[0]
	if o.ID == "" {
		return nil, fmt.Sprintf("instance %s has its name, but the engine gives no id to know it by", o.Name), nil
	}
	// lists are short on details, and a namesake is seen as a replacement only
	exact, err := be.Inspect(ctx, backends.Ref{Name: o.Name, ID: o.ID, Foreign: true})
	if err != nil {
		return nil, "", err
	}
	if isLost(exact) || exact.ID != o.ID {
		return nil, fmt.Sprintf("instance %s is gone", o.Name), nil
	}
	return &exact, "", nil
}

// namedUpstream finds the instances that have one of the names and no label
// of bot-bottle's.
func namedUpstream(ctx context.Context, be backends.Backend, names []string) (out []backends.Observation, err error) {
	for _, n := range names {
		// labels that nothing has: what is there is somebody else's
		o, err := be.Inspect(ctx, backends.Ref{Name: n, Labels: backends.Labels{Home: "none", Bottle: "none"}})
		if err != nil {
			return nil, err
		}
		if o.Status != backends.StatusGone && o.Name == n && !labelled(o) {
			out = append(out, o)
		}
	}
	return out, nil
}

// labelled says that bot-bottle made an instance, of whatever home.
func labelled(o backends.Observation) bool { return o.Labels.Home != "" || o.Labels.Bottle != "" }
