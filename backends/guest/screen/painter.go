package screen

import (
	"strconv"
	"unicode/utf8"
)

// painter writes cells for another terminal.
type painter struct {
	b     []byte
	style Style  // what the terminal has
	col   int    // where its cursor is, if the row was painted from its start
	last  []byte // the text of the cell before in this row; empty: none
}

func (p *painter) say(text string) { p.b = append(p.b, text...) }

// csi says a control sequence with numbers.
func (p *painter) csi(prefix, final string, numbers ...int) {
	p.b = append(p.b, "\x1b["+prefix...)
	for i, n := range numbers {
		if i > 0 {
			p.b = append(p.b, ';')
		}
		p.b = strconv.AppendInt(p.b, int64(n), 10)
	}
	p.b = append(p.b, final...)
}

// look makes the next characters look so.
func (p *painter) look(st Style) {
	link, had := st.Link, p.style.Link
	st.Link, p.style.Link = Link{}, Link{}
	if st != p.style {
		p.b = appendSGR(p.b, st)
	}
	if link != had {
		p.say("\x1b]8;")
		if link.ID != "" {
			p.say("id=" + link.ID)
		}
		p.say(";" + link.URI + "\x1b\\")
	}
	st.Link = link
	p.style = st
}

// cell paints a cell, and sets the cursor first where the cell before leaves
// open where it is, or what makes one cluster.
func (p *painter) cell(text []byte, w int, st Style) {
	if len(p.last) > 0 {
		r, n := utf8.DecodeRune(p.last)
		_, first := utf8.DecodeRune(text)
		if n < len(p.last) || disputed(r) || first > 1 && single(append(p.last, text[:first]...)) {
			p.csi("", "G", p.col+1)
		}
	}
	p.look(st)
	p.b = append(p.b, text...)
	p.last = append(p.last[:0], text...)
	p.col += w
}

// disputed says whether terminals differ in how wide they take a character to
// be, as they do for emojis, flags, symbols and what came late to Unicode.
func disputed(r rune) bool {
	return r >= 0x1f000 || r >= 0x2000 && r < 0x2500 || r >= 0x25a0 && r < 0x2800 || r >= 0x2b00 && r < 0x2c00
}

// row paints the cells of a line from its start: all of them, or, where the
// line did not wrap, up to the last that is not blank.
func (p *painter) row(s *Screen, l *line) {
	cells := l.cells
	if !l.wrapped {
		cells = trim(cells)
	}
	p.col, p.last = 0, p.last[:0]
	var with pen
	var st Style
	var text []byte
	for i := range cells {
		c := &cells[i]
		if c.isTail() {
			continue
		}
		if c.pen != with {
			with, st = c.pen, s.style(c.pen)
		}
		w := 1
		if c.isWide() {
			w = 2
		}
		text = s.appendText(text[:0], c)
		p.cell(text, w, st)
	}
}

// next goes to the next row: by autowrap, or as lines end.
func (p *painter) next(wrapped bool) {
	p.look(Style{})
	if wrapped {
		p.say(" \r")
	} else {
		p.say("\r\n")
	}
}

// grid paints all rows from the first on.
func (p *painter) grid(s *Screen, g *grid) {
	for i := range g.lines {
		p.row(s, &g.lines[i])
		if i+1 < len(g.lines) {
			p.next(g.lines[i].wrapped)
		}
	}
	p.look(Style{})
}

// history paints the scrollback above the rows that come next.
func (p *painter) history(h *history) {
	h.each(func(rec []byte) {
		p.col, p.last = 0, p.last[:0]
		p.next(decode(rec, func(text []byte, w int, st Style, _ bool) { p.cell(text, w, st) }))
	})
}
