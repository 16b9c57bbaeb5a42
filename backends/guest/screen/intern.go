package screen

import "unicode/utf8"

const (
	maxClusters     = 4096
	maxClusterBytes = 32 // of one
	maxExtras       = 4096
	maxExtrasBytes  = 256 << 10 // of all links
)

// clusters are the texts of cells that hold more than one character. Numbers
// of texts that no cell shows any more are used again.
type clusters struct {
	text   []string
	number map[string]uint32
	free   []uint32
	rest   int // so many refusals before free ones are looked for again
}

// extra is what few cells have.
type extra struct {
	underline Color
	link      Link
}

// extras are kept like clusters; number 0 is the zero value.
type extras struct {
	list   []extra
	number map[extra]uint16
	free   []uint16
	bytes  int
	rest   int
}

// cluster is the number of a text; false: no room.
func (s *Screen) cluster(text []byte) (uint32, bool) {
	c := &s.clusters
	if n, ok := c.number[string(text)]; ok {
		return n, true
	}
	if len(c.text) == maxClusters && len(c.free) == 0 {
		if c.rest > 0 {
			c.rest--
			return 0, false
		}
		s.sweepClusters()
		if len(c.free) == 0 {
			return 0, false
		}
	}
	if c.number == nil {
		c.number = map[string]uint32{}
	}
	var n uint32
	if last := len(c.free) - 1; last >= 0 {
		n, c.free = c.free[last], c.free[:last]
		c.text[n] = string(text)
	} else {
		n = uint32(len(c.text))
		c.text = append(c.text, string(text))
	}
	c.number[c.text[n]] = n
	return n, true
}

// sweepClusters frees what no cell shows. Looking costs much, so it is not done
// for every character where it brought little.
func (s *Screen) sweepClusters() {
	c := &s.clusters
	used := make([]bool, len(c.text))
	s.everyCell(func(v *cell) {
		if v.ch&cluster != 0 {
			used[v.ch&chMask] = true
		}
	})
	for n, u := range used {
		if !u && c.text[n] != "" {
			delete(c.number, c.text[n])
			c.text[n] = ""
			c.free = append(c.free, uint32(n))
		}
	}
	if len(c.free) < maxClusters/2 {
		c.rest = maxClusters
	}
}

// extra is the number of an extra; 0 where there is no room.
func (s *Screen) extra(e extra) uint16 {
	x := &s.extras
	if e == (extra{}) {
		return 0
	}
	if n, ok := x.number[e]; ok {
		return n
	}
	size := len(e.link.ID) + len(e.link.URI)
	full := func() bool {
		return len(x.list) == maxExtras && len(x.free) == 0 || x.bytes+size > maxExtrasBytes
	}
	if full() {
		if x.rest > 0 {
			x.rest--
			return 0
		}
		s.sweepExtras()
		if full() {
			return 0
		}
	}
	if x.number == nil {
		x.number = map[extra]uint16{}
		x.list = append(x.list, extra{})
	}
	var n uint16
	if last := len(x.free) - 1; last >= 0 {
		n, x.free = x.free[last], x.free[:last]
		x.list[n] = e
	} else {
		n = uint16(len(x.list))
		x.list = append(x.list, e)
	}
	x.number[e] = n
	x.bytes += size
	return n
}

func (s *Screen) sweepExtras() {
	x := &s.extras
	used := make([]bool, max(len(x.list), 1))
	s.everyCell(func(v *cell) { used[v.extra] = true })
	used[s.pen.extra], used[s.saved[0].pen.extra], used[s.saved[1].pen.extra] = true, true, true
	before := x.bytes
	for n := 1; n < len(x.list); n++ {
		if e := x.list[n]; !used[n] && e != (extra{}) {
			delete(x.number, e)
			x.list[n] = extra{}
			x.bytes -= len(e.link.ID) + len(e.link.URI)
			x.free = append(x.free, uint16(n))
		}
	}
	if len(x.free) < maxExtras/2 && before-x.bytes < maxExtrasBytes/2 {
		x.rest = maxExtras
	}
}

func (s *Screen) everyCell(see func(*cell)) {
	for _, g := range []*grid{&s.primary, &s.alternate} {
		for i := range g.lines {
			cells := g.lines[i].cells
			for j := range cells {
				see(&cells[j])
			}
		}
	}
}

// appendText appends the characters of a cell.
func (s *Screen) appendText(b []byte, c *cell) []byte {
	if c.ch&cluster != 0 {
		return append(b, s.clusters.text[c.ch&chMask]...)
	}
	return utf8.AppendRune(b, rune(c.ch&chMask))
}

// style is what a pen stands for.
func (s *Screen) style(p pen) Style {
	v := Style{FG: p.fg, BG: p.bg, Attr: p.attr}
	if p.extra != 0 {
		v.Underline, v.Link = s.extras.list[p.extra].underline, s.extras.list[p.extra].link
	}
	return v
}

// penExtra is the extra of the pen.
func (s *Screen) penExtra() extra {
	if s.pen.extra == 0 {
		return extra{}
	}
	return s.extras.list[s.pen.extra]
}
