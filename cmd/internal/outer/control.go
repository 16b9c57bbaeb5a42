package outer

import (
	"bytes"
	"slices"
)

// windowOp lets pass the questions that numbers answer (14 and 16 pixels, 18
// and 19 characters) and the stack of titles, whose tops stay in the terminal.
func windowOp(_ Options, s sequence, _ bool) verdict {
	list, ok := numbers(s.params)
	return passIf(ok && slices.Contains([]int{14, 16, 18, 19, 22, 23}, list[0]))
}

// modeChange keeps back VT52 mode (?2l) and Tektronix mode (?38h), in which
// the terminal reads sequences by another grammar than ours, logging to a file
// (?46h), and the paste events of kitty (?5522h): they replace the paste by a
// list of what an application may then read from the clipboard, which it may
// not here.
func modeChange(_ Options, s sequence, _ bool) verdict {
	list, ok := numbers(s.params)
	on := s.name[len(s.name)-1] == 'h'
	return passIf(ok && !slices.ContainsFunc(list, func(mode int) bool {
		return !on && mode == 2 || on && (mode == 38 || mode == 46 || mode == 5522)
	}))
}

// settings are what DECRQSS may ask for: SGR, the levels and lines of ctlseqs.
var settings = []string{"m", `"p`, `"q`, "r", "s", "t", " q", "$|", "$}", "$~", "*x", "*|", ",|", ",}"}

func setting(o Options, s sequence, ended bool) verdict {
	if !ended {
		return undecided
	}
	return passIf(!o.Deaf && slices.Contains(settings, string(s.arg)))
}

func capability(o Options, s sequence, ended bool) verdict {
	if !ended {
		return undecided
	}
	digits := 0
	for _, c := range s.arg {
		switch {
		case c == ';' && digits%2 == 0:
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'f':
			digits++
		default:
			return drop
		}
	}
	return passIf(!o.Deaf && digits%2 == 0)
}

// graphics lets an image pass whose data are in the sequence. The control data
// are key=value with commas between, up to the first semicolon.
func graphics(o Options, s sequence, ended bool) verdict {
	control, _, all := bytes.Cut(s.arg, []byte(";"))
	if !all && !ended {
		return undecided
	}
	for field := range bytes.SplitSeq(control, []byte(",")) {
		key, value, _ := bytes.Cut(field, []byte("="))
		for _, c := range value { // a terminal could trim what we do not know
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' {
				return drop
			}
		}
		switch {
		case len(key) > 1, len(key) == 1 && (key[0]|0x20 < 'a' || key[0]|0x20 > 'z'):
			return drop
		case string(key) == "t" && string(value) != "d":
			return drop
		case o.Deaf && string(key) == "a" && string(value) == "q":
			return drop
		}
	}
	return pass
}

// whole lets pass what has all come: it must be seen to the end to be noted.
func whole(o Options, s sequence, ended bool) verdict {
	switch {
	case !ended:
		return undecided
	case o.Deaf && s.asks():
		return drop
	}
	return pass
}

func passIf(ok bool) verdict {
	if ok {
		return pass
	}
	return drop
}
