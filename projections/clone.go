package projections

import (
	"maps"
	"slices"
)

// Clone copies a bottle so that the two share nothing that can be changed.
func (b Bottle) Clone() Bottle {
	b.Pending = copied(b.Pending)
	if b.Failure = copied(b.Failure); b.Failure != nil {
		b.Failure.LeftBehind = slices.Clone(b.Failure.LeftBehind)
	}
	b.ExitCode = copied(b.ExitCode)
	b.Instance = copied(b.Instance)
	if b.Imported = copied(b.Imported); b.Imported != nil {
		b.Imported.BottleNames = slices.Clone(b.Imported.BottleNames)
	}
	b.Spec.Ports = slices.Clone(b.Spec.Ports)
	b.Spec.Labels = maps.Clone(b.Spec.Labels)
	if b.Private = copied(b.Private); b.Private != nil {
		p := b.Private
		p.Argv, p.ResumeArgv = slices.Clone(p.Argv), slices.Clone(p.ResumeArgv)
		p.Env, p.Mounts = slices.Clone(p.Env), slices.Clone(p.Mounts)
		p.ImportedUnknown = maps.Clone(p.ImportedUnknown)
		for k, v := range p.ImportedUnknown {
			p.ImportedUnknown[k] = slices.Clone(v)
		}
	}
	b.Labels = maps.Clone(b.Labels)
	b.Resources = slices.Clone(b.Resources)
	b.LeftBehind = slices.Clone(b.LeftBehind)
	return b
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
