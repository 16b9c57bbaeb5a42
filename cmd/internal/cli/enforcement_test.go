package cli_test

import (
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

// TestEveryNetworkIsSaidOf: show says of each backend of the program what it
// makes of each mode.
func TestEveryNetworkIsSaidOf(t *testing.T) {
	for _, backend := range cli.Kinds() {
		for _, mode := range []string{"none", "full"} {
			if cli.Enforcement(backend, mode) == "" {
				t.Errorf("nothing is said of %s on %s", mode, backend)
			}
		}
	}
}
