package inside

import (
	"errors"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// parseRun reads what guest.RunArgv wrote, without the program and its mode.
func parseRun(args []string) (o wire.RunOptions, argv []string, err error) {
	o, argv, err = wire.ReadRun(args, func(odd error) error { return odd })
	if err == nil && len(argv) == 0 {
		err = errors.New("there is no command to run")
	}
	return o, argv, err
}
