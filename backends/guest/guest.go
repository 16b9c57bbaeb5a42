// Package guest is the host's side of bot-bottle-guest, a small static
// program that runs inside an instance as its main process where an engine
// keeps neither an exit code nor a log with streams and times, and has no
// attach. It needs nothing of the image.
//
//	bot-bottle-guest run [OPTION...] -- ARGV   holds the agent: its terminal
//	        or pipes, its log, its end; serves any number of attachments
//	bot-bottle-guest connect [SECONDS]         lends its own stdin and stdout
//	        to the holder
//	bot-bottle-guest serve                     serves one request on its own
//	        stdin and stdout: one more command, a copy, a look at a path
//	bot-bottle-guest notify [TEXT]             says for the agent, whose hooks
//	        may call it, that it wants attention
//
// The engine's part is to run the program and to give the host its stdin and
// stdout: the conn of [Attach], [Wait], [Exec], [CopyIn], [CopyOut] and
// [Stat]. They close it when they return. No value of a variable is in an
// argv: [Exec] sends them through the connection.
//
// A run tells its story in lines of JSON on its own stdout, which the engine
// keeps; [Log] reads them.
package guest

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/inside"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// Session is how an instance is attached to whose main process is the program
// that [Install] puts down now, see backends.Instance.
const Session = "holder/" + wire.Version

// ProgramName is the base name by which the program knows what it is.
const ProgramName = inside.Name

// ErrLost says that the connection ended before the answer was whole: the
// instance ended, or what carried the connection did. The engine knows which.
var ErrLost = errors.New("the connection to the guest program was lost")

// RunOptions say how the main process runs.
type RunOptions = wire.RunOptions

// runMode is the program's word for holding an agent.
const runMode = "run"

// RunArgv is the main process of an instance: the program at the path, which
// holds argv. The variables are those that the engine starts it with.
func RunArgv(program string, o RunOptions, argv []string) []string {
	return append([]string{program, runMode}, o.Words(argv)...)
}

// ReadRunArgv reads back what [RunArgv] wrote: the program's path, its options
// and the agent's argv. Options of a newer program are passed over. ok is
// false for words that are another program's.
func ReadRunArgv(words []string) (program string, o RunOptions, argv []string, ok bool) {
	if len(words) < 2 || words[1] != runMode || !strings.HasSuffix(words[0], "/"+ProgramName) {
		return "", RunOptions{}, nil, false
	}
	o, argv, err := wire.ReadRun(words[2:], func(error) error { return nil })
	if err != nil {
		return "", RunOptions{}, nil, false
	}
	return words[0], o, argv, true
}

// ConnectArgv is the client for [Attach], [Wait], [Look], [Screen], [Send] and
// [WaitAttention]. While there is no holder yet it looks again for as long as
// patience says; then the answer is backends.ErrNotRunning.
func ConnectArgv(program string, patience time.Duration) []string {
	return []string{program, "connect", strconv.FormatFloat(patience.Seconds(), 'f', 3, 64)}
}

// ServeArgv is the server for [Exec], [CopyIn], [CopyOut] and [Stat]. It is
// started as root, whoever the command is to run as.
func ServeArgv(program string) []string { return []string{program, "serve"} }
