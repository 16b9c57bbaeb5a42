package outer

import (
	"bytes"
	"slices"
	"strconv"
)

// modes is what the agent changed of the terminal and nobody set back yet.
type modes struct {
	private, saved map[int]bool // DEC private modes as they were last set, and kept by XTSAVE
	ansi           map[int]bool // ECMA-48 modes
	alternate      bool         // the alternate screen is shown
	kitty          [2]kittyKeys // of the main and the alternate screen
	keys           map[string]bool
	keypad         bool // application keypad
	shape          bool // of the cursor
	margins        bool
	locator        bool
	shifted        bool // SO, LS2 or LS3: another set than G0
	charset        bool // another set than ASCII in G0
	titled         bool
	link           bool
	pointer        bool
	palette        map[string]bool // OSC numbers that set colours back
}

// kittyKeys is the keyboard of one screen: flags pushed, flags set below them.
type kittyKeys struct {
	pushed int
	set    bool
}

// maxPushed is above the depth of any terminal's stack.
const maxPushed = 99

// alternates are the private modes of the alternate screen.
var alternates = []int{47, 1047, 1049}

// saveTitle puts the title onto the terminal's own stack: it cannot be asked
// for, so it cannot be set back otherwise. XTPUSHTITLE of xterm's ctlseqs.
const saveTitle = "\x1b[22;2t"

// before is what the terminal has to get ahead of a string that passes.
func (m *modes) before(k kind, body []byte) string {
	s := parse(k, body)
	if k != kindOSC || len(s.name) == 0 {
		return ""
	}
	switch string(s.name) {
	case "0", "2", "l", ";":
		if !m.titled {
			m.titled = true
			return saveTitle
		}
	}
	return ""
}

// note takes up a sequence that passed.
func (m *modes) note(s sequence) {
	switch s.kind {
	case kindESC:
		m.noteEscape(string(s.name))
	case kindCSI:
		m.noteControl(s)
	case kindOSC:
		m.noteOSC(s)
	case kindDCS:
		if s.is(kindDCS, "=s") { // synchronized output as iTerm2 began it
			m.setPrivate(2026, s.first(0) == 1)
		}
	}
}

func (m *modes) noteEscape(name string) {
	switch name {
	case "c": // RIS: the title and the colours are not in every terminal's reset
		*m = modes{titled: m.titled, palette: m.palette}
	case "=", ">":
		m.keypad = name == "="
	case "n", "o":
		m.shifted = true
	case "(B":
		m.charset = false
	default:
		if len(name) > 1 && name[0] == '(' {
			m.charset = true
		}
	}
}

func (m *modes) noteControl(s sequence) {
	switch string(s.name) {
	case "?h", "?l", "?s", "?r":
		list, _ := numbers(s.params)
		for _, mode := range list {
			m.notePrivate(mode, s.name[1])
		}
	case "h", "l":
		list, _ := numbers(s.params)
		for _, mode := range list {
			if slices.Contains(ansiModes, mode) {
				set(&m.ansi, mode, s.name[0] == 'h')
			}
		}
	case "!p": // DECSTR: what every terminal's soft reset covers
		for _, mode := range []int{1, 66, 69} {
			delete(m.private, mode)
		}
		delete(m.private, cursorMode)
		delete(m.ansi, 4)
		m.keypad, m.margins, m.charset, m.shifted = false, false, false, false
	case " q":
		m.shape = s.first(0) != 0
	case "r":
		m.margins = len(bytes.Trim(s.params, ";0")) > 0
	case "'z":
		m.locator = s.first(0) != 0
	case ">m", ">f", ">n":
		m.noteKeys(s)
	case ">u", "=u", "<u":
		m.noteKitty(s)
	}
}

// notePrivate keeps those modes only that are reset: a hostile agent can set
// as many as there are numbers.
func (m *modes) notePrivate(mode int, how byte) {
	if mode != cursorMode && mode != wrapMode && !slices.Contains(watched, mode) && !slices.Contains(alternates, mode) {
		return
	}
	switch how {
	case 's':
		set(&m.saved, mode, m.private[mode])
	case 'r':
		if was, known := m.saved[mode]; known {
			m.setPrivate(mode, was)
		}
	default:
		m.setPrivate(mode, how == 'h')
	}
}

func (m *modes) setPrivate(mode int, on bool) {
	set(&m.private, mode, on)
	for _, a := range alternates {
		if mode == a {
			m.alternate = on
		}
	}
	if !m.alternate { // any of them leaves it
		for _, a := range alternates {
			delete(m.private, a)
		}
	}
}

// noteKeys is about XTMODKEYS and its like: what keys with modifiers send.
func (m *modes) noteKeys(s sequence) {
	list, ok := numbers(s.params)
	final := string(s.name[1:])
	switch {
	case !ok, list[0] > 9: // xterm knows 0 to 7
	case list[0] < 0:
		clear(m.keys)
	case final == "n", len(list) > 1 && list[1] >= 0:
		if final == "n" {
			final = "m"
		}
		set(&m.keys, strconv.Itoa(list[0])+final, true)
	default:
		delete(m.keys, strconv.Itoa(list[0])+final)
	}
}

func (m *modes) noteKitty(s sequence) {
	k := &m.kitty[0]
	if m.alternate {
		k = &m.kitty[1]
	}
	switch s.name[0] {
	case '>':
		k.pushed = min(k.pushed+1, maxPushed)
	case '<':
		k.pushed = max(k.pushed-max(s.first(1), 1), 0)
	default:
		k.set = k.set || k.pushed == 0
	}
}

func (m *modes) noteOSC(s sequence) {
	switch name := string(s.name); name {
	case "8":
		_, address, _ := bytes.Cut(s.arg, []byte(";"))
		m.link = len(address) > 0
	case "22":
		m.pointer = m.pointer || !s.asks() && len(s.arg) > 0
	case "50":
		m.shape = true
	default:
		m.noteColours(name, s.arg)
	}
}

// set sets an entry of a map that may not be there yet.
func set[K comparable](to *map[K]bool, key K, on bool) {
	if *to == nil {
		*to = map[K]bool{}
	}
	(*to)[key] = on
}
