package outer

import (
	"bytes"
	"time"
)

// answered is for how long after a question its answer may be on its way: a
// second is a slow line to the user's terminal.
const answered = time.Second

// questions counts what the terminal was asked, so that answers that come
// after the agent has left are not typed into the user's shell.
type questions struct {
	now  func() time.Time
	left int // without an answer
	last time.Time
}

func (q *questions) passed() { q.left, q.last = q.left+1, q.now() }

// Pending says whether answers of the terminal to what the agent asked may
// still come.
func (t *Terminal) Pending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked.left > 0 && t.asked.now().Sub(t.asked.last) < answered
}

// Heard is told what came from the terminal. What looks like an answer counts
// as one: a sequence that no key without modifiers sends.
func (t *Terminal) Heard(p []byte) {
	if bytes.IndexByte(p, esc) < 0 {
		return
	}
	n := 0
	for i, c := range p[:len(p)-1] {
		if c != esc {
			continue
		}
		switch next := p[i+1]; next {
		case ']', 'P', '_':
			n++
		case '[':
			if i+2 < len(p) && (p[i+2] == '?' || p[i+2] == '>' || p[i+2] >= '0' && p[i+2] <= '9') {
				n++
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked.left = max(0, t.asked.left-n)
}

// asking are sequences that terminals answer, those aside that only some
// parameters make a question. Sources as in rules.
var asking = map[kind]map[string]bool{
	kindESC: words("Z"), // DECID
	kindCSI: words(
		"c", ">c", "=c", "n", "?n", // DA, DSR
		"$p", "?$p", "?u", ">q", "?m", // DECRQM, kitty's keyboard, XTVERSION, XTQMODKEYS
		"x", "?S", "&u", "$u", "$w", "#|", "#R", "'|", "\"v", "+p", // terminal, graphics, presentation, SGR, colours, locator, display, reset
	),
	kindDCS: words("$q", "+q"), // DECRQSS, XTGETTCAP
	kindOSC: words("60", "61"),
}

// colourOrPointer are the OSC that ask where there is a question mark.
var colourOrPointer = words("4", "5", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "21", "22")

func words(list ...string) map[string]bool {
	all := map[string]bool{}
	for _, w := range list {
		all[w] = true
	}
	return all
}

// asks says whether the terminal answers a sequence that passes.
func (s *sequence) asks() bool {
	if asking[s.kind][string(s.name)] {
		return true
	}
	switch {
	case s.is(kindCSI, "t"):
		return s.first(0) < 22
	case s.is(kindCSI, "> q"): // the cursors of kitty's protocol for several
		return len(s.params) == 0
	case s.kind == kindOSC && colourOrPointer[string(s.name)]:
		return bytes.IndexByte(s.arg, '?') >= 0
	case s.is(kindAPC, "G"):
		control, _, _ := bytes.Cut(s.arg, []byte(";"))
		return bytes.Contains(control, []byte("i=")) && !bytes.Contains(control, []byte("q=2"))
	}
	return false
}
