package guest

import (
	"errors"
	"fmt"
	"io"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// Begun reads what a main process prints until its run says that the agent
// was started, or could not be (Run.Err), and returns the run as of then. r is
// read no further than it gives in one read. The end of r before that is
// [ErrLost], with what is known of the run.
func Begun(r io.Reader) (Run, error) {
	var l Log
	for records := wire.NewRecords(r); ; {
		rec, err := records.Next()
		if errors.Is(err, io.EOF) {
			return l.last, ErrLost
		}
		if err != nil {
			return l.last, fmt.Errorf("%w: %w", ErrLost, err)
		}
		if l.note(rec) && (!l.last.Started.IsZero() || l.last.Over()) {
			return l.last, nil
		}
	}
}
