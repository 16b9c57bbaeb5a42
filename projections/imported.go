package projections

import "gitea.dideric.is/didericis/bot-bottle/events"

// AgentByExec says that the instance is one that was imported: its main
// process only keeps it alive, and the agent ran in it by exec, with words
// that no record has. A new instance runs its agent as any other does.
func (b *Bottle) AgentByExec() bool {
	return b.Imported != nil && b.Instance != nil && b.Instance.Generation == 1 && !b.neverFound()
}

// neverFound says that a bottle was imported without an instance and never
// got one: nothing says what one could be made from.
func (b *Bottle) neverFound() bool {
	return b.Imported != nil && b.Instance == nil && b.Spec.Image == ""
}

// ExecLine is how the agent of an [Bottle.AgentByExec] bottle is started: the
// words are the user's to know.
func (b *Bottle) ExecLine() string { return "bot-bottle exec -i -t " + b.Slug + " -- ARGV…" }

// Assumed says that nothing named the backend: an import took docker for it.
func (b *Bottle) Assumed() bool { return b.BackendSource == events.FallbackBackend }
