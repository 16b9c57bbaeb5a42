package screen

import "slices"

// mode is a switch that is only kept, or read elsewhere.
type mode uint8

const (
	modeInsert mode = iota
	modeNewline
	modeCursorKeys
	modeReverse
	modeWrap
	modeBlink
	modeCursor
	modeKeypad
	modeBackarrow
	modeFocus
	modeWheel
	modePaste
	modeSync
	modeScheme
	modeSizes
	modeCount
)

// modeNumber is the number of a mode after CSI ?; 0: it has none.
var modeNumber = [modeCount]int{
	modeCursorKeys: 1, modeReverse: 5, modeWrap: 7, modeBlink: 12, modeCursor: 25, modeKeypad: 66,
	modeBackarrow: 67, modeFocus: 1004, modeWheel: 1007, modePaste: 2004, modeSync: 2026, modeScheme: 2031, modeSizes: 2048,
}

var (
	mouseModes     = []int{9, 1000, 1002, 1003}    // which events: one of them
	mouseEncodings = []int{1005, 1006, 1015, 1016} // how they are said: one of them
	screenModes    = []int{47, 1047, 1049}         // the alternate screen
	// The wheel as most terminals begin.
	defaultModes = modes{bits: 1<<modeWrap | 1<<modeCursor | 1<<modeWheel}
)

type modes struct {
	bits       uint32
	mouse      int // of mouseModes; 0: none
	mouseCoded int // of mouseEncodings; 0: none
}

func (m *modes) has(n mode) bool { return m.bits>>n&1 != 0 }

func (m *modes) set(n mode, on bool) {
	m.bits &^= 1 << n
	if on {
		m.bits |= 1 << n
	}
}

// mode says whether a private mode is set, and whether there is such a mode.
func (s *Screen) mode(n int) (set, known bool) {
	switch {
	case n == 6:
		return s.origin, true
	case n <= 0 || n == 1048:
		return false, false
	case slices.Contains(mouseModes, n):
		return s.mouse == n, true
	case slices.Contains(mouseEncodings, n):
		return s.mouseCoded == n, true
	case slices.Contains(screenModes, n):
		return s.onAlternate, true
	}
	if m := slices.Index(modeNumber[:], n); m >= 0 {
		return s.has(mode(m)), true
	}
	return false, false
}

// setMode is DECSET and DECRST.
func (s *Screen) setMode(n int, on bool) {
	switch {
	case n == 6:
		s.origin = on
		s.home()
	case n <= 0:
	case slices.Contains(mouseModes, n):
		s.mouse = 0
		if on {
			s.mouse = n
		}
	case slices.Contains(mouseEncodings, n):
		if on {
			s.mouseCoded = n
		} else if s.mouseCoded == n {
			s.mouseCoded = 0
		}
	case n == 1048 && on:
		s.save()
	case n == 1048:
		s.restore()
	case slices.Contains(screenModes, n):
		s.alternateMode(n, on)
	default:
		if m := slices.Index(modeNumber[:], n); m >= 0 {
			s.set(mode(m), on)
		}
	}
}

// alternateMode shows the alternate screen or the primary one. They share the
// cursor. 1049 saves it on the way in, when it also clears, and restores it on
// the way out; 1047 clears on the way out.
func (s *Screen) alternateMode(n int, on bool) {
	if n == 1047 && !on && s.onAlternate {
		s.eraseRows(0, s.rows)
	}
	if n == 1049 && on && !s.onAlternate {
		s.save()
	}
	s.show(on)
	if n == 1049 && on {
		s.eraseRows(0, s.rows)
	}
	if n == 1049 && !on {
		s.restore()
	}
}

func (s *Screen) show(alternate bool) {
	s.detach()
	s.onAlternate, s.g = alternate, &s.primary
	if alternate {
		if s.alternate.lines == nil {
			s.alternate = newGrid(s.rows, s.cols)
		}
		s.g = &s.alternate
	}
}

// maxKeyFlags bounds the stack of keyboard flags.
const maxKeyFlags = 16

// keyFlags are the flags of the kitty keyboard protocol and those below them on
// the stack.
type keyFlags struct {
	now   uint8
	below [maxKeyFlags]uint8
	depth int
}

func (k *keyFlags) push(flags int) {
	if k.depth == maxKeyFlags {
		copy(k.below[:], k.below[1:])
		k.depth--
	}
	k.below[k.depth] = k.now
	k.depth++
	k.now = uint8(flags & 31)
}

func (k *keyFlags) pop(n int) {
	for range min(n, maxKeyFlags+1) {
		k.now = 0
		if k.depth > 0 {
			k.depth--
			k.now, k.below[k.depth] = k.below[k.depth], 0
		}
	}
}

// change sets the flags, adds some (2) or takes some (3).
func (k *keyFlags) change(flags, how int) {
	f := uint8(flags & 31)
	switch how {
	case 1:
		k.now = f
	case 2:
		k.now |= f
	case 3:
		k.now &^= f
	}
}
