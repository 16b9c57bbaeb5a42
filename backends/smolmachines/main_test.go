package smolmachines_test

import (
	"os"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// The test binary is also the fake smolvm.
func TestMain(m *testing.M) {
	fakesmolvm.Main()
	os.Exit(m.Run())
}
