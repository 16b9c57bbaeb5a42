package lifecycle

import "gitea.dideric.is/didericis/bot-bottle/events"

// FetchLine is the command that brings a clone's work back, ready to paste.
func FetchLine(w events.Workspace) string { return fetchLine(w) }
