package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// stdout is where data goes: buffered, since it must stay empty when a verb
// fails, and aware of a reader that has gone away.
type stdout struct {
	*bufio.Writer
	held *holdBack
}

// holdBack keeps everything until it is released.
type holdBack struct {
	to   io.Writer
	kept []byte
	free bool
	err  error
}

func (h *holdBack) Write(p []byte) (int, error) {
	if h.free {
		n, err := h.to.Write(p)
		if err != nil && h.err == nil {
			h.err = err
		}
		return n, err
	}
	h.kept = append(h.kept, p...)
	return len(p), nil
}

func newStdout(to io.Writer) *stdout {
	h := &holdBack{to: to}
	return &stdout{Writer: bufio.NewWriterSize(h, 32<<10), held: h}
}

// give is Write for bytes that the caller does not need any more.
func (s *stdout) give(b []byte) {
	if s.held.free || len(s.held.kept) > 0 || s.Buffered() > 0 {
		s.Write(b)
		return
	}
	s.held.kept = b
}

// release lets through what was printed and all that follows.
func (s *stdout) release() error {
	err := s.Flush()
	s.held.free = true
	if err == nil && len(s.held.kept) > 0 {
		_, err = s.held.Write(s.held.kept)
		s.held.kept = nil
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.EPIPE) {
		return errBrokenPipe
	}
	return fmt.Errorf("write standard output: %w", err)
}

// errBrokenPipe says that whoever read our output has left. It is no failure
// worth a word.
var errBrokenPipe = errors.New("standard output is a broken pipe")
