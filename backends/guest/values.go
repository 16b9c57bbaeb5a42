package guest

import (
	"io"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// SendValues gives the holder of a run that waits for them ([RunOptions.Values])
// the values of the agent's variables, K=V, on its stdin: so that the engine
// never has them.
func SendValues(stdin io.Writer, env []string) error {
	return wire.NewWriter(stdin).SendJSON(wire.KindRequest, wire.Request{Op: wire.OpValues, Env: wire.Bytes(env)})
}
