package screen

import (
	"fmt"
	"strconv"
	"strings"
)

// colours are those that the program gave the terminal: of the palette, then of
// text, background and cursor. Zero: the terminal's own.
type colours [256 + 3]Color

// dynamicColour is the place in colours of OSC 10 to 12.
func dynamicColour(osc int) int { return 256 + osc - 10 }

// colourName is how an OSC calls a colour.
func colourName(n int) string {
	if n < 256 {
		return "4;" + strconv.Itoa(n)
	}
	return strconv.Itoa(n - 256 + 10)
}

// setColours sets colours, or answers what they are.
func (s *Screen) setColours(osc int, rest string) {
	parts := strings.Split(rest, ";")
	if osc != 4 {
		for i, spec := range parts {
			if n := osc + i; n <= 12 {
				s.setColour(dynamicColour(n), spec)
			}
		}
		return
	}
	for i := 0; i+1 < len(parts); i += 2 {
		if n, err := strconv.Atoi(parts[i]); err == nil && n >= 0 && n <= 255 {
			s.setColour(n, parts[i+1])
		}
	}
}

func (s *Screen) setColour(n int, spec string) {
	if spec == "?" {
		c := s.colours[n]
		if c == 0 {
			c = standardColour(n)
		}
		s.reply("\x1b]" + colourName(n) + ";" + colourSpec(c) + "\x1b\\")
	} else if c, ok := parseColour(spec); ok {
		s.colours[n] = c
	}
}

func (s *Screen) resetColours(osc int, rest string) {
	switch {
	case osc != 104:
		s.colours[dynamicColour(osc-100)] = 0
	case rest == "":
		clear(s.colours[:256])
	default:
		for p := range strings.SplitSeq(rest, ";") {
			if n, err := strconv.Atoi(p); err == nil && n >= 0 && n <= 255 {
				s.colours[n] = 0
			}
		}
	}
}

// colourSpec is a colour as XParseColor reads it, with 16 bits a channel.
func colourSpec(c Color) string {
	v := c.channels()
	return fmt.Sprintf("rgb:%04x/%04x/%04x", v[0]*0x101, v[1]*0x101, v[2]*0x101)
}

// parseColour reads rgb:R/G/B with one to four hexadecimal digits each, and
// #RGB in the same widths. It knows no names.
func parseColour(spec string) (Color, bool) {
	var parts []string
	hash := false
	if rest, ok := strings.CutPrefix(spec, "rgb:"); ok {
		parts = strings.Split(rest, "/")
	} else if rest, ok := strings.CutPrefix(spec, "#"); ok && len(rest)%3 == 0 {
		n := len(rest) / 3
		parts, hash = []string{rest[:n], rest[n : 2*n], rest[2*n:]}, true
	}
	if len(parts) != 3 {
		return 0, false
	}
	var v [3]int
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 16, 16)
		if err != nil || len(p) > 4 {
			return 0, false
		}
		bits := 4 * len(p)
		if hash { // the digits are the high ones
			v[i] = int(n) << (16 - bits) >> 8
		} else {
			v[i] = (int(n)*255 + (1<<bits-1)/2) / (1<<bits - 1)
		}
	}
	return rgb(v[0], v[1], v[2]), true
}

// basic are xterm's first 16 colours.
var basic = [16]Color{0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
	0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff}

// standardColour is what is answered for a colour that was not set: xterm's
// palette, light on dark.
func standardColour(n int) Color {
	level := func(n int) int {
		if n == 0 {
			return 0
		}
		return 55 + 40*n
	}
	switch {
	case n < 16:
		return basic[n]
	case n < 232:
		n -= 16
		return rgb(level(n/36), level(n/6%6), level(n%6))
	case n < 256:
		v := 8 + 10*(n-232)
		return rgb(v, v, v)
	case n == dynamicColour(11):
		return basic[0]
	}
	return basic[7]
}
