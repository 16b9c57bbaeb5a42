package cli

import (
	"io"
	"unicode/utf8"
)

// plainText is a writer that lets through what an agent printed as plain
// text: escape sequences and controls are dropped, lone carriage returns
// become newlines. It keeps its place across writes, so that a sequence cut
// in two by a buffer's end is still one.
type plainText struct {
	to    io.Writer
	state escapeState
	cr    bool   // a carriage return is pending
	part  []byte // of a character whose bytes have not all come
	buf   []byte
}

// escapeState is where in an escape sequence (ECMA-48) the writer stands.
type escapeState int

const (
	inText   escapeState = iota
	inEscape             // after ESC
	inInter              // after ESC and an intermediate byte
	inCSI                // after ESC [
	inString             // in an OSC, DCS, APC, PM or SOS, until ST or BEL
	inStrEsc             // after ESC within one
)

func newPlainText(to io.Writer) *plainText { return &plainText{to: to} }

// Write takes p in whole, or fails.
func (w *plainText) Write(p []byte) (int, error) {
	in := p
	if len(w.part) > 0 {
		in = append(w.part, p...)
		w.part = nil
	}
	w.buf = w.buf[:0]
	for len(in) > 0 {
		if in[0] >= utf8.RuneSelf && !utf8.FullRune(in) {
			w.part = append([]byte(nil), in...)
			break
		}
		r, n := utf8.DecodeRune(in)
		w.take(r)
		in = in[n:]
	}
	if _, err := w.to.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what was held back: a carriage return at the very end, the
// bytes of a cut character. It does not close what lies below.
func (w *plainText) Close() error {
	w.buf = w.buf[:0]
	if len(w.part) > 0 {
		w.part = nil
		w.take(utf8.RuneError)
	}
	if w.cr {
		w.buf = append(w.buf, '\n')
		w.cr = false
	}
	_, err := w.to.Write(w.buf)
	return err
}

func (w *plainText) take(r rune) {
	switch w.state {
	case inText:
		w.text(r)
	case inEscape:
		switch {
		case r == '[':
			w.state = inCSI
		case r == ']' || r == 'P' || r == 'X' || r == '^' || r == '_':
			w.state = inString
		case r >= 0x20 && r <= 0x2f:
			w.state = inInter
		default:
			w.end(r, r >= 0x30 && r <= 0x7e)
		}
	case inInter:
		if r < 0x20 || r > 0x2f {
			w.end(r, r >= 0x30 && r <= 0x7e)
		}
	case inCSI:
		if r < 0x20 || r > 0x3f {
			w.end(r, r >= 0x40 && r <= 0x7e)
		}
	case inString:
		switch r {
		case 0x07, 0x9c:
			w.state = inText
		case '\n': // a string that is never ended must not swallow the log
			w.end(r, false)
		case 0x1b:
			w.state = inStrEsc
		}
	case inStrEsc:
		if r == '\\' {
			w.state = inText
			return
		}
		w.state = inEscape // a new sequence ends the string
		w.take(r)
	}
}

// end leaves a sequence: its final byte belongs to it, anything else is text
// again.
func (w *plainText) end(r rune, final bool) {
	w.state = inText
	if !final {
		w.text(r)
	}
}

func (w *plainText) text(r rune) {
	if w.cr {
		w.cr = false
		w.buf = append(w.buf, '\n')
		if r == '\n' {
			return
		}
	}
	switch {
	case r == '\r':
		w.cr = true
	case r == '\n' || r == '\t':
		w.buf = append(w.buf, byte(r))
	case r == 0x1b:
		w.state = inEscape
	case r == 0x9b:
		w.state = inCSI
	case r == 0x90 || r == 0x98 || r >= 0x9d && r <= 0x9f:
		w.state = inString
	case dangerous(r):
	default:
		w.buf = utf8.AppendRune(w.buf, r)
	}
}
