package cli

import (
	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/outer"
)

// guard puts the filter in front of those of the streams that are a terminal:
// what comes out of an instance is hostile. What goes into a file or a pipe is
// what the agent printed. One filter stands before stdout and stderr, for a
// sequence can come half by one and half by the other. It is nil where there
// is no terminal.
func (c *call) guard(s *backends.Streams, o outer.Options) (*outer.Terminal, error) {
	out, err := isTerminal(s.Out), isTerminal(s.Err)
	if !out && !err {
		return nil, nil
	}
	conf, cerr := c.config()
	if cerr != nil {
		return nil, cerr
	}
	o.Clipboard = conf.Clipboard == clipboardWrite
	to := s.Out
	if !out {
		to = s.Err
	}
	t := outer.New(to, o)
	if out {
		s.Out = t
	}
	if err {
		s.Err = t
	}
	return t, nil
}
