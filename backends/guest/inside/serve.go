package inside

import (
	"errors"
	"fmt"
	"io"
	"os"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// served is one request on the program's own stdin and stdout.
type served struct {
	in  *wire.Reader
	out *wire.Writer
	err *os.File // for what nobody has to read
}

// serve serves one request. Its outcome is told in frames; the exit code
// says only whether it could be told.
func serve(std Std) int {
	s := &served{in: wire.NewReader(std.In), out: wire.NewWriter(std.Out), err: std.Err}
	if _, err := io.WriteString(std.Out, wire.Greeting); err != nil {
		return 1
	}
	exit, err := s.do()
	if errors.Is(err, errHostLeft) {
		return 1 // nobody is there to be told
	}
	if err != nil {
		err = s.out.SendJSON(wire.KindFailure, wire.Failed(err))
	} else {
		err = s.out.SendJSON(wire.KindExit, exit)
	}
	if err != nil {
		return 1
	}
	return 0
}

// errHostLeft says that the other side ended the conversation.
var errHostLeft = errors.New("the host left")

func (s *served) do() (wire.Exit, error) {
	var ask wire.Request
	f, err := s.in.Next()
	if err != nil {
		return wire.Exit{}, errHostLeft
	}
	if f.Kind != wire.KindRequest {
		return wire.Exit{}, fmt.Errorf("the first frame is %q: %w", f.Kind, backends.ErrBadRequest)
	}
	if err := f.Decode(&ask); err != nil {
		return wire.Exit{}, fmt.Errorf("%w: %w", backends.ErrBadRequest, err)
	}
	switch ask.Op {
	case wire.OpExec:
		return s.exec(ask)
	case wire.OpCopyIn:
		return wire.Exit{}, s.copyIn(string(ask.Path))
	case wire.OpCopyOut:
		return wire.Exit{}, s.copyOut(string(ask.Path))
	case wire.OpStat:
		return wire.Exit{}, s.stat(string(ask.Path))
	}
	return wire.Exit{}, fmt.Errorf("there is no %q here: %w", ask.Op, backends.ErrBadRequest)
}

// welcome says that the request is served from now on.
func (s *served) welcome() error { return s.out.SendJSON(wire.KindWelcome, wire.Welcome{}) }
