package screen

import "strings"

// History is what a redraw does about the scrollback.
type History int

// The ways. With Replace the other terminal's scrollback is cleared and becomes
// ours; with Append ours goes below what is there, its screen included; with
// Omit only the screen is drawn.
const (
	Replace History = iota
	Append
	Omit
)

// neutral brings a terminal in any state to the primary screen and to where
// drawing does what it looks like. CAN and ST end what was begun.
const neutral = "\x18\x1b\\\x1b[?2026l\x1b[?69l\x1b[?1049l" + plain + "\x1b[r\x1b[4l\x1b[20l\x1b[?7h"

// plain are the settings that a saved cursor has, as they are at first.
const plain = "\x1b[?6l\x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[m\x1b]8;;\x1b\\"

// Redraw is what makes another terminal of the same size, in whatever state it
// is, show what this one shows, and go on from there: it ends inside of a
// sequence, if the output so far does. Synchronized output (?2026) is off then.
func (s *Screen) Redraw(h History) []byte {
	if s.history.stale {
		s.history.rewrap(s.cols)
	}
	p := &painter{}
	p.say(neutral)
	if h == Append {
		// What is on the screen scrolls off.
		p.say("\x1b[999;1H" + strings.Repeat("\n", s.rows))
	}
	p.say(" \x1b[3g") // the space takes a single shift
	for c, stop := range s.tabs[:s.cols] {
		if stop {
			p.csi("", "G", c+1)
			p.say("\x1bH")
		}
	}
	if !s.onAlternate {
		// What is hidden is drawn first.
		p.say("\x1b[?1049h")
		s.paintAlternate(p)
		p.say("\x1b[?1049l" + plain)
	}
	p.say("\x1b[H\x1b[2J")
	if h == Replace {
		p.say("\x1b[3J")
	}
	if h != Omit {
		p.history(&s.history)
	}
	p.grid(s, &s.primary)
	s.paintKeys(p, &s.keys[0])
	s.paintSaved(p, 0)
	if s.onAlternate {
		p.say("\x1b[?1049h" + plain)
		p.style = Style{}
		s.paintAlternate(p)
	} else {
		p.say("\x1b7" + plain)
		p.style = Style{}
	}
	s.paintState(p)
	return s.unfinished(p.b)
}

// paintAlternate paints the alternate screen and what belongs to it alone.
func (s *Screen) paintAlternate(p *painter) {
	p.say("\x1b[H\x1b[2J")
	p.grid(s, &s.alternate)
	s.paintKeys(p, &s.keys[1])
	s.paintSaved(p, 1)
	p.say("\x1b7" + plain)
	p.style = Style{}
}

// paintSaved sets the cursor up as the one that is saved of a screen. Margins
// are still off.
func (s *Screen) paintSaved(p *painter, screen int) {
	c := &s.saved[screen]
	g := &s.primary
	if screen == 1 {
		g = &s.alternate
	}
	if c.origin {
		p.say("\x1b[?6h")
	}
	p.csi("", "H", c.row+1, c.col+1)
	if c.pending && g.lines != nil {
		s.paintCell(p, g, c.row, c.col)
	}
	s.paintPen(p, c)
}

// paintCell paints the cell at a place once more, so that the cursor ends up
// behind it as after the first time.
func (s *Screen) paintCell(p *painter, g *grid, row, col int) {
	cells := g.lines[row].cells
	if cells[col].isTail() {
		col--
	}
	p.csi("", "G", col+1)
	p.look(s.style(cells[col].pen))
	p.b = s.appendText(p.b, &cells[col])
}

// paintPen says how the next characters look and what they stand for.
func (s *Screen) paintPen(p *painter, c *cursor) {
	p.look(s.style(c.pen))
	for i, set := range c.charsets {
		if set != ascii {
			p.b = append(p.b, 0x1b, "()*+"[i], charsetLetter[set])
		}
	}
	p.say([]string{"", "\x0e", "\x1bn", "\x1bo"}[c.gl])
}
