package cli

import "gitea.dideric.is/didericis/bot-bottle/events"

// workspaceText is the workspace as start always tells it.
func workspaceText(w events.Workspace) string {
	switch w.Mode {
	case "bind":
		return "bind " + w.Source + readOnlyText(w.ReadOnly)
	case "clone":
		commit := w.Commit
		if len(commit) > 12 {
			commit = commit[:12]
		}
		return "clone " + w.Source + "@" + commit
	}
	return "none"
}
