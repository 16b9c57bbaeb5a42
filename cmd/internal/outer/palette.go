package outer

import (
	"bytes"
	"strconv"
)

// noteColours remembers with which sequence a changed colour is set back:
// OSC 104 and 105 for the palettes of OSC 4 and 5, 110 to 119 for the dynamic
// colours 10 to 19. xterm's ctlseqs.
func (m *modes) noteColours(name string, arg []byte) {
	n, err := strconv.Atoi(name)
	switch {
	case err != nil:
	case n == 4 || n == 5:
		_, spec, _ := bytes.Cut(arg, []byte(";"))
		for i := 0; len(spec) > 0; i++ { // pairs of a number and a colour
			var one []byte
			one, spec, _ = bytes.Cut(spec, []byte(";"))
			if i%2 == 0 && string(one) != "?" {
				set(&m.palette, strconv.Itoa(100+n), true)
			}
		}
	case n >= 10 && n <= 19:
		for spec := range bytes.SplitSeq(arg, []byte(";")) { // each is for the next number
			if len(spec) > 0 && string(spec) != "?" && n <= 19 {
				set(&m.palette, strconv.Itoa(100+n), true)
			}
			n++
		}
	case n == 21:
		for field := range bytes.SplitSeq(arg, []byte(";")) {
			if key, value, _ := bytes.Cut(field, []byte("=")); len(value) > 0 && string(value) != "?" {
				set(&m.palette, orPalette[string(key)], true)
			}
		}
	case n == 104 || n == 105:
		if len(arg) == 0 {
			delete(m.palette, name)
		}
	case n >= 110 && n <= 119:
		delete(m.palette, name)
	}
}

// orPalette sets back the colours that kitty has names for, all others with
// its own sequence.
var orPalette = map[string]string{"foreground": "110", "background": "111", "cursor": "112", "selection_background": "117", "selection_foreground": "119"}
