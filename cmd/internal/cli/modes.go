package cli

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

// modeWatch passes an agent's output on to the terminal and remembers which
// private modes it has set (alternate screen, mouse reports, bracketed paste,
// hidden cursor), so that leaving the agent can leave them too. Without this
// a shell after a detach would be garbled.
type modeWatch struct {
	to   io.Writer
	mu   sync.Mutex
	set  map[int]bool
	tail []byte // of a sequence that the last write cut off
}

// watched are the DEC private modes that a program may leave behind
// (ECMA-48 "CSI ? n h", numbers from xterm's ctlseqs), in the order in which
// they are reset.
var watched = []int{1, 9, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 47, 1047, 1049}

// cursorMode is the one whose rest position is set.
const cursorMode = 25

// longestMode bounds what is kept of a sequence that is cut off.
const longestMode = 64

// Write passes p on, whole.
func (m *modeWatch) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scan(p)
	return m.to.Write(p)
}

func (m *modeWatch) scan(p []byte) {
	if len(m.tail) > 0 {
		p = append(m.tail, p...)
		m.tail = nil
	}
	for {
		i := bytes.IndexByte(p, 0x1b)
		if i < 0 {
			return
		}
		p = p[i:]
		end := 3
		for end < len(p) && (p[end] >= '0' && p[end] <= '9' || p[end] == ';') {
			end++
		}
		switch {
		case len(p) < 3 && bytes.HasPrefix([]byte("\x1b[?"), p),
			end == len(p) && end < longestMode && bytes.HasPrefix(p, []byte("\x1b[?")):
			m.tail = append([]byte(nil), p...)
			return
		case end < len(p) && bytes.HasPrefix(p, []byte("\x1b[?")) && (p[end] == 'h' || p[end] == 'l'):
			m.note(p[3:end], p[end] == 'h')
			p = p[end:]
		default:
			p = p[1:]
		}
	}
}

func (m *modeWatch) note(list []byte, on bool) {
	for n := range bytes.SplitSeq(list, []byte(";")) {
		mode, err := strconv.Atoi(string(n))
		if err != nil {
			continue
		}
		if m.set == nil {
			m.set = map[int]bool{}
		}
		m.set[mode] = on
	}
}

// reset leaves every mode that is still set, and the colours.
func (m *modeWatch) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b bytes.Buffer
	for _, mode := range watched {
		if m.set[mode] {
			b.WriteString("\x1b[?" + strconv.Itoa(mode) + "l")
		}
	}
	if on, known := m.set[cursorMode]; known && !on {
		b.WriteString("\x1b[?25h")
	}
	b.WriteString("\x1b[0m\r")
	m.to.Write(b.Bytes()) // the terminal may be gone: nothing can be done then
	m.set = nil
}
