package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// WithSignals cancels the context when a signal asks the program to end, with
// which one as its cause. SIGPIPE is taken as well: a broken stderr must not
// end us between an effect and its record, so writing to it only fails. It is
// for the rest of the process.
func WithSignals(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	causes := map[os.Signal]error{
		syscall.SIGINT:  ErrInterrupted,
		syscall.SIGTERM: ErrTerminated,
		syscall.SIGHUP:  ErrHungUp,
	}
	got := make(chan os.Signal, 8)
	for s := range causes {
		if !signal.Ignored(s) { // nohup, and shells for background jobs
			signal.Notify(got, s)
		}
	}
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	go func() {
		for s := range got {
			cancel(causes[s])
		}
	}()
	return ctx
}

// brief is a command that only reads the log, and so fast that the signals
// may do to it what they do to any program. Taking them costs an eighth of
// such a command: the runtime hands each from one thread to another.
type brief interface{ brief() bool }

func (l *listCmd) brief() bool     { return !l.asks() }
func (s *showCmd) brief() bool     { return !s.Screen }
func (*versionCmd) brief() bool    { return true }
func (*completionCmd) brief() bool { return true }
func (*completeCmd) brief() bool   { return true }

// Exit ends the program. A reader of stdout that has left ends it as it ends
// every Unix tool: by SIGPIPE, which the Go runtime raises for one more write
// once nobody listens for the signal.
func Exit(code int) {
	if code == BrokenPipe {
		signal.Reset(syscall.SIGPIPE)
		os.Stdout.WriteString("\n")
	}
	os.Exit(code)
}
