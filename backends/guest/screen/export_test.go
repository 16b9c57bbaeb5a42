package screen

import (
	"fmt"
	"strings"
)

// Dump is all that must be the same after a redraw, to be compared.
func (s *Screen) Dump() string {
	var b strings.Builder
	if s.history.stale {
		s.history.rewrap(s.cols)
	}
	fmt.Fprintf(&b, "size %d %d shown %d\n", s.rows, s.cols, s.shown())
	s.history.each(func(rec []byte) {
		b.WriteString("kept")
		wrapped := decode(rec, func(text []byte, w int, st Style, _ bool) { fmt.Fprintf(&b, " %q%d%s", text, w, looks(st)) })
		fmt.Fprintf(&b, " %v %d bytes\n", wrapped, len(rec))
	})
	b.WriteString(s.dumpGrid("primary", &s.primary))
	if s.alternate.lines != nil {
		b.WriteString(s.dumpGrid("alternate", &s.alternate))
	}
	b.WriteString(s.dumpCursor("cursor", s.cursor))
	b.WriteString(s.dumpCursor("saved", s.saved[0]))
	b.WriteString(s.dumpCursor("saved in alternate", s.saved[1]))
	m := s.modes
	m.set(modeSync, false)
	fmt.Fprintf(&b, "joins %v shift %d margins %d %d tabs %v\nmodes %+v keys %v other %d shape %d title %q\n",
		s.joins, s.shift, s.top, s.bottom, stops(s.tabs[:s.cols]), m, s.keys, s.otherKey, s.shape, s.title)
	for n, c := range s.colours {
		if c != 0 {
			fmt.Fprintf(&b, "colour %d %x\n", n, c)
		}
	}
	fmt.Fprintf(&b, "inside %q\n", s.unfinished(nil))
	return b.String()
}

func (s *Screen) dumpGrid(name string, g *grid) string {
	var b strings.Builder
	for i, l := range g.lines {
		blank := !l.wrapped
		for _, c := range l.cells {
			blank = blank && c.isBlank()
		}
		if blank {
			continue
		}
		fmt.Fprintf(&b, "%s %d", name, i)
		for _, c := range l.cells {
			if c.isTail() {
				b.WriteString(" tail")
			} else {
				fmt.Fprintf(&b, " %q", s.appendText(nil, &c))
				if c.isWide() {
					b.WriteString("w")
				}
			}
			b.WriteString(looks(s.style(c.pen)))
		}
		fmt.Fprintf(&b, " %v\n", l.wrapped)
	}
	return b.String()
}

func looks(st Style) string {
	if st == (Style{}) {
		return ""
	}
	return fmt.Sprintf("%+v", st)
}

func (s *Screen) dumpCursor(name string, c cursor) string {
	style := s.style(c.pen)
	c.pen = pen{}
	return fmt.Sprintf("%s %+v %+v\n", name, c, style)
}

func stops(tabs []bool) (at []int) {
	for c, stop := range tabs {
		if stop {
			at = append(at, c)
		}
	}
	return at
}

// Broken says what about a screen can not be.
func (s *Screen) Broken() string {
	if s.row < 0 || s.row >= s.rows || s.col < 0 || s.col >= s.cols {
		return fmt.Sprintf("cursor at %d %d", s.row, s.col)
	}
	if s.top < 0 || s.bottom >= s.rows || s.top > s.bottom {
		return fmt.Sprintf("margins %d %d", s.top, s.bottom)
	}
	if s.pending && s.col != s.cols-1 {
		return "pending inside of a row"
	}
	if live := len(s.history.buf) - s.history.head; live > s.history.limit {
		return fmt.Sprintf("%d bytes of scrollback", live)
	}
	for _, g := range []*grid{&s.primary, &s.alternate} {
		if g.lines == nil && g == &s.alternate {
			continue
		}
		if len(g.lines) != s.rows || g.lines[s.rows-1].wrapped {
			return "rows"
		}
		for i, l := range g.lines {
			if len(l.cells) != s.cols {
				return "columns"
			}
			for j, c := range l.cells {
				after := j+1 < s.cols && l.cells[j+1].isTail()
				if c.isWide() != after || c.isTail() && j == 0 || c.ch == 0 {
					return fmt.Sprintf("half a character at %d %d", i, j)
				}
			}
		}
	}
	return ""
}

// Interned is how many clusters and extras are kept.
func (s *Screen) Interned() (clusters, extras int) { return len(s.clusters.text), len(s.extras.list) }

// Pending says whether the next character wraps.
func (s *Screen) Pending() bool { return s.pending }
