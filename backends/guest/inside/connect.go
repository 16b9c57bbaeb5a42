package inside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// connect lends stdin and stdout to the holder, or carries them there and back
// where they cannot be lent. It understands nothing of it.
func connect(std Std, patience time.Duration) int {
	door := front
	if lendable(std.In) && lendable(std.Out) {
		door = side
	}
	conn, err := reach(door, patience)
	if err != nil {
		if errors.Is(err, errNoHolder) {
			err = fmt.Errorf("the instance's main process is not there: %w", backends.ErrNotRunning)
		}
		if _, err := std.Out.Write(refusal(err)); err != nil {
			return 1
		}
		return 0
	}
	if door == side {
		if err := lend(conn, std); err != nil {
			return 1 // the holder does not talk to us
		}
		_, _ = io.Copy(io.Discard, conn) // until the holder is done
		return 0
	}
	go func() {
		// The end of stdin and its failure mean the same: the host left.
		_, _ = io.CopyBuffer(onlyWriter{conn}, onlyReader{std.In}, make([]byte, readSize))
		shutWrite(conn)
	}()
	_, err = io.CopyBuffer(onlyWriter{std.Out}, onlyReader{conn}, make([]byte, readSize))
	conn.Close() // now the holder knows that we passed on all of it
	if err != nil {
		return 1
	}
	return 0
}

// reach connects to the holder, once or as long as patience says.
func reach(door string, patience time.Duration) (*os.File, error) {
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := dial(door)
		if !errors.Is(err, errNoHolder) || time.Since(begin) >= patience {
			return conn, err
		}
	}
}

// onlyReader and onlyWriter hide what else a file can do: copying within the
// kernel (splice) needs ends that can be polled, and gains nothing here.
type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
