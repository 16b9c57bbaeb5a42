package cli

import (
	"maps"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// importedKeys writes what an imported bottle's record says, null for others.
func importedKeys(j *jsonBuf, b projections.Bottle) {
	i := b.Imported
	if i == nil {
		j.null("imported")
		return
	}
	j.open("imported", '{').str("identity", i.Identity).opt("agent_name", i.AgentName).bool("copy_cwd", i.CopyCwd)
	j.opt("started_at", i.StartedAt).opt("compose_project", i.ComposeProject).opt("backend", i.Backend)
	j.opt("label", i.Label).opt("color", i.Color).strs("bottle_names", i.BottleNames)
	var from, cwd string
	var unknown []string
	if p := b.Private; p != nil {
		from, cwd, unknown = p.ImportedFrom, p.Cwd, slices.Sorted(maps.Keys(p.ImportedUnknown))
	}
	j.opt("from", from).opt("cwd", cwd).strs("unknown", unknown).close('}')
}

// showImported writes the same for a person.
func showImported(b projections.Bottle, line func(string, string)) {
	i := b.Imported
	if i == nil {
		return
	}
	line("imported", i.Identity)
	if b.Private != nil {
		line("from", b.Private.ImportedFrom)
		line("cwd", b.Private.Cwd)
	}
	line("label then", i.Label)
	line("started then", i.StartedAt)
	line("project", i.ComposeProject)
	line("bottles then", strings.Join(i.BottleNames, ", "))
}
