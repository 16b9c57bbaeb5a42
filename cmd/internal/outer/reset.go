package outer

import (
	"maps"
	"slices"
	"strconv"
)

// watched are the DEC private modes that a program may leave behind, with
// their numbers from xterm's ctlseqs, in the order in which they are reset.
// 2031, 2048 and 9001 make terminals report changes of the theme, of the size,
// and every key in a form of its own.
var watched = []int{2026, 1, 5, 9, 45, 66, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2031, 2048, 9001, 2004}

// ansiModes are those of ECMA-48: keyboard locked, insert, echo, newline.
var ansiModes = []int{2, 4, echoMode, 20}

// echoMode is SRM: the terminal echoes what is typed while it is not set.
const echoMode = 12

// cursorMode and wrapMode are those whose rest position is set.
const (
	cursorMode = 25
	wrapMode   = 7
)

// Reset leaves everything that the agent changed, the alternate screen last,
// and the colours of the text. An incomplete sequence is dropped.
func (t *Terminal) Reset() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = t.out[:0]
	t.cut()
	t.out = t.modes.leave(t.out)
	t.out = append(t.out, "\x1b[0m\r"...)
	t.modes = modes{}
	return t.write() // the terminal may be gone: nothing can be done then
}

// Touched says whether Reset has anything to leave but the colours of the text.
func (t *Terminal) Touched() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.modes.leave(nil)) > 0 || t.state == inString && t.verdict == pass
}

// leave appends what sets back everything.
func (m *modes) leave(b []byte) []byte {
	if m.alternate {
		b = m.kitty[1].leave(b)
	}
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		b = append(b, "\x1b[>"+k...)
	}
	when := func(is bool, s string) {
		if is {
			b = append(b, s...)
		}
	}
	when(m.keypad, "\x1b>")
	when(m.locator, "\x1b[0'z")
	for _, mode := range ansiModes {
		on, known := m.ansi[mode]
		when(on && mode != echoMode, "\x1b["+strconv.Itoa(mode)+"l")
		when(known && !on && mode == echoMode, "\x1b[12h")
	}
	if m.margins {
		// DECSTBM moves the cursor. Leaving mode 1049 brings it back anyway,
		// and a terminal may have one place only to keep a cursor in.
		if m.private[1049] {
			b = append(b, "\x1b[r"...)
		} else {
			b = append(b, "\x1b7\x1b[r\x1b8"...)
		}
	}
	when(m.shifted, "\x0f")
	when(m.charset, "\x1b(B")
	when(m.link, "\x1b]8;;"+stringEnd)
	for _, n := range slices.Sorted(maps.Keys(m.palette)) {
		if n == "" { // colours that only kitty knows
			b = append(b, "\x1b]21;cursor_text=;visual_bell="+stringEnd...)
			n = "104"
		}
		b = append(b, "\x1b]"+n+stringEnd...)
	}
	when(m.pointer, "\x1b]22;"+stringEnd)
	when(m.titled, "\x1b[23;2t")
	when(m.shape, "\x1b[0 q")
	wrap, known := m.private[wrapMode]
	when(known && !wrap, "\x1b[?7h")
	for _, mode := range slices.Concat(watched, alternates) {
		when(m.private[mode], "\x1b[?"+strconv.Itoa(mode)+"l")
	}
	b = m.kitty[0].leave(b)
	cursor, known := m.private[cursorMode]
	when(known && !cursor, "\x1b[?25h")
	return b
}

func (k kittyKeys) leave(b []byte) []byte {
	if k.pushed > 0 {
		b = append(b, "\x1b[<"+strconv.Itoa(k.pushed)+"u"...)
	}
	if k.set {
		b = append(b, "\x1b[=0u"...)
	}
	return b
}
