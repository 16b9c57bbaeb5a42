package lifecycle

import (
	"fmt"
	"slices"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
)

// warnUnguarded is said of a writable work tree that nothing guards.
const warnUnguarded = "git on this host trusts what is in %s, and %s cannot make its config and hooks read-only for the bottle: what is written there runs when you use git; for an agent that you do not trust use --clone"

// guard warns of what git on the host trusts in a writable work tree. Where
// the kind cannot make the read-only mounts over it, files above all, it takes
// them off: half of them would only look like a guard. A git directory that
// lies elsewhere is still mounted.
func (m *Manager) guard(p *Plan) {
	c := &p.Created
	guarded := m.canGuard(c)
	for _, mt := range c.Mounts {
		switch {
		case !mt.Guard || mt.ReadOnly:
		case guarded:
			p.Warnings = append(p.Warnings, fmt.Sprintf(warnOfGit, mt.Source))
		default:
			p.Warnings = append(p.Warnings, fmt.Sprintf(warnUnguarded, mt.Source, c.Backend))
		}
	}
	if !guarded {
		c.Mounts = slices.DeleteFunc(c.Mounts, func(mt events.Mount) bool {
			return mt.Guard && (mt.ReadOnly || within(orElse(c.Workspace.Source, "/"), mt.Source))
		})
	}
}

// canGuard says whether the kind can make every guard of a plan.
func (m *Manager) canGuard(c *events.BottleCreated) bool {
	k, err := m.Backends.Kind(c.Backend)
	if err != nil || k.Supports == nil {
		return true // it is refused for that, or refuses nothing
	}
	return !slices.ContainsFunc(c.Mounts, func(mt events.Mount) bool {
		alone := backends.Mount{Source: mt.Source, Target: mt.Target, ReadOnly: mt.ReadOnly}
		return mt.Guard && mt.ReadOnly && len(k.Supports(backends.InstanceSpec{Mounts: []backends.Mount{alone}})) > 0
	})
}
