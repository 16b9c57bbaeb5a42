package inside

import (
	"fmt"
	"os"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// notify tells the holder that the agent wants attention.
func notify(std Std, text string) int {
	conn, err := dial(front)
	if err == nil {
		defer conn.Close()
		err = tell(conn, text)
	}
	if err != nil {
		fmt.Fprintf(std.Err, "%s: notify: %v\n", Name, err)
		return 1
	}
	return 0
}

func tell(conn *os.File, text string) error {
	conn.SetDeadline(time.Now().Add(requestTime))
	if err := wire.Greet(conn); err != nil {
		return err
	}
	if err := wire.NewWriter(conn).SendJSON(wire.KindRequest, wire.Request{Op: wire.OpNotify, Text: text[:min(len(text), maxNote)]}); err != nil {
		return err
	}
	for frames := wire.NewReader(conn); ; {
		f, err := frames.Next()
		switch {
		case err != nil:
			return err
		case f.Kind == wire.KindExit:
			return nil
		case f.Kind == wire.KindFailure:
			var why wire.Failure
			if err := f.Decode(&why); err != nil {
				return err
			}
			return why.Err()
		}
	}
}
