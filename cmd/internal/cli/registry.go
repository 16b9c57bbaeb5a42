package cli

import (
	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
)

// registry is every backend of a release. The first one is what a new bottle
// gets when nothing names another.
func registry() *backends.Registry {
	return backends.NewRegistry(docker.Kind(), smolmachines.Kind())
}
