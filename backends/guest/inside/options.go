package inside

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// runOptions are guest.RunOptions, see there.
type runOptions struct {
	tty, stdin, keepHome, stay, values bool
	user, home, workdir                string
	pids                               int64 // 0: no limit
}

// parseRun reads what guest.RunArgv wrote, without the program and its mode.
func parseRun(args []string) (o runOptions, argv []string, err error) {
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--":
			if argv = args[i+1:]; len(argv) == 0 {
				return o, nil, errors.New("there is no command to run")
			}
			return o, argv, nil
		case "--tty":
			o.tty = true
		case "--stdin":
			o.stdin = true
		case "--values":
			o.values = true
		case "--stay":
			o.stay = true
		case "--keep-home":
			o.keepHome = true
		case "--user":
			o.user = value
		case "--home":
			o.home = value
		case "--workdir":
			o.workdir = value
		case "--pids":
			if o.pids, err = strconv.ParseInt(value, 10, 64); err != nil || o.pids < 1 {
				return o, nil, fmt.Errorf("%q is no number of processes", value)
			}
		default:
			return o, nil, fmt.Errorf("run has no option %q", arg)
		}
	}
	return o, nil, errors.New("there is no -- before the command")
}
