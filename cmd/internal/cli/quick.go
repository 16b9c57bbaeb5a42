package cli

import (
	"strings"
	"time"
)

// defaults are what everywhere holds when no flag is given: the same as its
// tags say, which a test compares.
var defaults = everywhere{Output: asTable, EngineTimeout: span(30 * time.Second)}

// quick reads a command line that holds nothing but the verb and the plainest
// flags of everywhere, for verbs that are called all the time (a prompt, a
// completion, a watch). It knows no more than it must, and ok is false for
// anything else: kong decides then. It saves the 0.4 ms that building the
// grammar takes, a tenth of the whole process.
func quick(args []string, at int) (e everywhere, ok bool) {
	e = defaults
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case i == at:
		case a == "-q" || a == "--quiet":
			e.Quiet = true
		case a == "--no-color":
			e.NoColor = true
		case (a == "-o" || a == "--output") && i+1 < len(args):
			i++
			if err := e.Output.UnmarshalText([]byte(args[i])); err != nil {
				return e, false
			}
		case a == "--home" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			i++
			e.Home = args[i]
		default:
			return e, false
		}
	}
	return e, true
}

// plain marks the verbs that quick may serve: their flags have no defaults
// and they need no words.
type plain interface{ plain() }

func (*listCmd) plain()    {}
func (*versionCmd) plain() {}

// completeCmd is plain once its words, which stand behind --, were taken.
func (*completeCmd) plain() {}
