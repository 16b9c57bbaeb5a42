package outer

// state is where in a sequence the filter stands.
type state byte

const (
	ground    state = iota
	inEscape        // after ESC
	inControl       // after CSI
	inString        // in an OSC, DCS, APC, PM, SOS or a title of screen
)

// kind is what a sequence is introduced by, as the table of rules writes it.
type kind string

// The kinds of sequences. Of a string of another kind nothing is to be known.
const (
	kindESC kind = "ESC"
	kindCSI kind = "CSI"
	kindOSC kind = "OSC"
	kindDCS kind = "DCS"
	kindAPC kind = "APC"
	kindAny kind = "any"
)

// stringEnd is ST in seven bits.
const stringEnd = "\x1b\\"

// char takes one character: a code below 0xa0 is itself or a C1 control, in
// whatever form raw has it.
func (t *Terminal) char(code byte, raw []byte) {
	switch t.state {
	case ground:
		t.groundChar(code, raw)
	case inString:
		t.stringChar(code, raw)
	default:
		t.sequenceChar(code, raw)
	}
}

func (t *Terminal) groundChar(code byte, raw []byte) {
	switch {
	case code == esc:
		t.begin(raw)
	case isC1(code):
		t.begin(raw)
		t.introduced(code - 0x40)
	default:
		if code == so || code == si {
			t.modes.shifted = code == so
		}
		t.pass(raw)
	}
}

// begin starts a sequence with its ESC or C1 control.
func (t *Terminal) begin(raw []byte) {
	t.state, t.kind = inEscape, kindESC
	t.held = append(t.held[:0], raw...)
	t.body = t.body[:0]
}

// introduced is what comes after ESC, or what a C1 control stands for.
func (t *Terminal) introduced(code byte) {
	switch code {
	case '[':
		t.state, t.kind = inControl, kindCSI
	case ']':
		t.string(kindOSC)
	case 'P':
		t.string(kindDCS)
	case '_':
		t.string(kindAPC)
	case 'X', '^', 'k': // SOS, PM; the title of screen's ctlseqs, which no terminal reports
		t.string(kindAny)
	default:
		t.body = append(t.body, code)
		t.finish()
	}
}

func (t *Terminal) string(k kind) {
	t.state, t.kind, t.verdict = inString, k, undecided
	switch {
	case len(t.held) >= maxHeld: // of controls between ESC and this
		t.refuse()
	case k == kindAny:
		t.approve()
	}
}

// sequenceChar takes a character after ESC or CSI. Like xterm it lets C0
// controls stand within: the terminal will act on them there.
func (t *Terminal) sequenceChar(code byte, raw []byte) {
	switch {
	case code == esc:
		t.drop()
		t.begin(raw)
		return
	case code == can, code == sub, code == text, isC1(code):
		t.drop()
		t.state = ground
		t.groundChar(code, raw)
		return
	}
	if len(t.held) < maxHeld {
		t.held = append(t.held, raw...)
	}
	switch {
	case code == so, code == si:
		t.modes.shifted = code == so
	case isC0(code):
	case t.kind == kindESC && len(t.body) == 0 && code >= 0x30:
		t.introduced(code)
	default:
		if len(t.body) < maxHeld {
			t.body = append(t.body, code)
		}
		if code >= 0x40 || t.kind == kindESC && code >= 0x30 {
			t.finish()
		}
	}
}

// finish is the end of a sequence that is not a string.
func (t *Terminal) finish() {
	t.state = ground
	if len(t.held) >= maxHeld {
		t.drop()
		return
	}
	s := parse(t.kind, t.body)
	asks := s.asks()
	if t.judge(s, true) != pass || asks && t.o.Deaf {
		t.drop()
		return
	}
	if asks {
		t.asked.passed()
	}
	t.modes.note(s)
	t.release()
}

// stringChar takes a character of a string. ESC ends it, as in xterm, whether
// it is that of an ST or not; so does a C1 control.
func (t *Terminal) stringChar(code byte, raw []byte) {
	if t.ending {
		t.ending = false
		if code == '\\' {
			t.endString([]byte(stringEnd))
			return
		}
		t.abort()
		t.begin([]byte{esc})
		t.char(code, raw)
		return
	}
	switch {
	case code == esc:
		t.ending = true
	case code == st, code == bel && t.kind == kindOSC:
		t.endString(raw)
	case code == can, code == sub:
		if t.verdict == pass {
			t.pass(raw)
		}
		t.abort()
		t.open = false
	case isC1(code):
		t.abort()
		t.groundChar(code, raw)
	case t.verdict == undecided && isC0(code): // terminals differ in what they make of it
		t.refuse()
	default:
		t.payload(raw)
	}
}

// payload takes characters of a string.
func (t *Terminal) payload(raw []byte) {
	switch t.verdict {
	case pass:
		t.pass(raw)
		t.body = append(t.body, raw[:min(len(raw), maxHeld-len(t.body))]...) // for the modes
	case undecided:
		if len(t.held)+len(raw) > maxHeld {
			t.refuse()
			return
		}
		t.held, t.body = append(t.held, raw...), append(t.body, raw...)
		t.decide(false)
	}
}

// decide asks the rules about a string. Ended, it has no more to come.
func (t *Terminal) decide(ended bool) {
	switch v := t.judge(parse(t.kind, t.body), ended); {
	case v == pass:
		t.approve()
	case v == drop || ended:
		t.refuse()
	}
}

// approve lets a string pass: what is held of it now, the rest as it comes.
func (t *Terminal) approve() {
	t.verdict = pass
	t.out = append(t.out, t.modes.before(t.kind, t.body)...)
	t.release()
}

// refuse drops a string to its end.
func (t *Terminal) refuse() {
	t.verdict = drop
	t.drop()
}

func (t *Terminal) endString(end []byte) {
	if t.verdict == undecided {
		t.decide(true)
	}
	if t.verdict == pass {
		t.pass(end)
		s := parse(t.kind, t.body)
		if s.asks() {
			t.asked.passed()
		}
		t.modes.note(s)
	}
	t.state = ground
}

// abort leaves a string that has no proper end.
func (t *Terminal) abort() {
	switch t.verdict {
	case pass:
		t.open = true
	case undecided:
		t.drop()
	}
	t.state = ground
}

// drop forgets the sequence. Where it would have ended a string that passed,
// the terminal gets another end, or it would take all that follows for it.
func (t *Terminal) drop() {
	t.held = t.held[:0]
	if t.open {
		t.open = false
		t.out = append(t.out, stringEnd...)
	}
}

// release passes on what is held.
func (t *Terminal) release() {
	t.open = false
	t.pass(t.held)
	t.held = t.held[:0]
}

func (t *Terminal) pass(p []byte) { t.out = append(t.out, p...) }
