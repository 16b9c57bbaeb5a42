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
type RunOptions struct {
	TTY   bool
	Stdin bool // keep its stdin open for attach; it is empty otherwise
	// User is uid[:gid] or name[:group], looked up inside the instance; "" is
	// the user that the engine starts the program as.
	User string
	// Home is HOME for a user without an entry in /etc/passwd; "": /.
	Home string
	// KeepHome says that HOME is one of the instance's own variables, so it
	// stays as it is. Otherwise it is the user's, whatever the engine set.
	KeepHome bool
	Workdir  string // "": /
	// Values says that the values of the agent's variables come on stdin at each
	// start: see [SendValues].
	Values bool
	// Stay says that the program goes on when the agent has ended, until it is
	// told to end, and ends with the agent's code then. Its end is recorded and
	// told as ever, and who attaches sees the last screen.
	Stay bool
	// Pids is how many processes and threads the agent and all later commands
	// have together; 0: no limit. Where the kernel inside cannot hold it the
	// run goes on without and says so, see [Run]. Root inside can lift it.
	Pids int64
}

// RunArgv is the main process of an instance: the program at the path, which
// holds argv. The variables are those that the engine starts it with.
func RunArgv(program string, o RunOptions, argv []string) []string {
	run := []string{program, "run"}
	for _, f := range []struct {
		name string
		on   bool
	}{{"--tty", o.TTY}, {"--stdin", o.Stdin}, {"--keep-home", o.KeepHome}, {"--stay", o.Stay}, {"--values", o.Values}} {
		if f.on {
			run = append(run, f.name)
		}
	}
	for _, f := range []struct{ name, value string }{{"--user", o.User}, {"--home", o.Home}, {"--workdir", o.Workdir}} {
		if f.value != "" {
			run = append(run, f.name+"="+f.value)
		}
	}
	if o.Pids > 0 {
		run = append(run, "--pids="+strconv.FormatInt(o.Pids, 10))
	}
	return append(append(run, "--"), argv...)
}

// ConnectArgv is the client for [Attach], [Wait], [Look], [Screen], [Send] and
// [WaitAttention]. While there is no holder
// yet it looks again for as long as patience says; then the answer is
// backends.ErrNotRunning.
func ConnectArgv(program string, patience time.Duration) []string {
	return []string{program, "connect", strconv.FormatFloat(patience.Seconds(), 'f', 3, 64)}
}

// ServeArgv is the server for [Exec], [CopyIn], [CopyOut] and [Stat]. It is
// started as root, whoever the command is to run as.
func ServeArgv(program string) []string { return []string{program, "serve"} }
