package screen

// cell is what is at one place of the grid. A character that takes two places
// is in the first; the second is its tail.
type cell struct {
	ch uint32 // a character; or cluster and its number in clusters; and wide
	pen
}

const (
	cluster uint32 = 1 << 31 // several characters that make one
	wide    uint32 = 1 << 30 // the next cell is its tail
	tail    uint32 = 1 << 29 // the second half of the cell before
	chMask  uint32 = 1<<29 - 1
)

// pen is how a cell looks.
type pen struct {
	fg, bg Color
	attr   Attr
	extra  uint16 // what few cells have: a number in extras, 0: nothing
}

// blank is a cell that was never written or that was erased: a space that has
// nothing but a background.
func blank(bg Color) cell { return cell{ch: ' ', pen: pen{bg: bg}} }

func (c *cell) isTail() bool  { return c.ch == tail }
func (c *cell) isWide() bool  { return c.ch&wide != 0 }
func (c *cell) isBlank() bool { return *c == cell{ch: ' '} }

// blanks is a stretch of blank cells, to be compared with at once.
var blanks = func() (b [16]cell) {
	fill(b[:], blank(0))
	return b
}()

// trim leaves blank cells at the end out.
func trim(cells []cell) []cell {
	n := len(cells)
	for n >= len(blanks) && [len(blanks)]cell(cells[n-len(blanks):n]) == blanks {
		n -= len(blanks)
	}
	for n > 0 && cells[n-1].isBlank() {
		n--
	}
	return cells[:n]
}

// empty leaves the looks of a cell and takes its character.
func (c *cell) empty() { c.ch = ' ' }

// Color is a colour; the zero value is the terminal's own.
type Color uint32

const (
	paletteColor Color = 1 << 24
	rgbColor     Color = 2 << 24
)

func palette(n int) Color        { return paletteColor | Color(n) }
func rgb(r, g, b int) Color      { return rgbColor | Color(r<<16|g<<8|b) }
func (c Color) channels() [3]int { return [3]int{int(c >> 16 & 255), int(c >> 8 & 255), int(c & 255)} }

// Palette is the number of a colour of the palette, 0 to 255.
func (c Color) Palette() (n int, ok bool) { return int(c & 255), c&^255 == paletteColor }

// RGB is red, green and blue, 0 to 255 each, of a colour that was said so.
func (c Color) RGB() (red, green, blue int, ok bool) {
	v := c.channels()
	return v[0], v[1], v[2], c>>24 == rgbColor>>24
}

// Attr is a set of attributes.
type Attr uint16

// The attributes of a cell.
const (
	Bold Attr = 1 << iota
	Dim
	Italic
	Blink
	Inverse
	Invisible
	Strikethrough
	Overline
	underlineUnit
)

const underlineMask = 7 * underlineUnit

// Underline is the style of the underline: 0 none, 1 single, 2 double, 3 curly,
// 4 dotted, 5 dashed.
func (a Attr) Underline() int { return int(a & underlineMask / underlineUnit) }

func (a Attr) withUnderline(style int) Attr {
	return a&^underlineMask | Attr(style)*underlineUnit
}

// Style is how a run of text looks. Two styles are the same if they are equal.
type Style struct {
	FG, BG    Color
	Underline Color // of the underline; zero: that of the text
	Attr      Attr
	Link      Link
}

// Link is a hyperlink (OSC 8); the zero value is none.
type Link struct {
	ID  string // cells with the same id and URI are one link
	URI string
}
