// Package screen is what a terminal shows, kept as cells: it takes the output
// of a program and can say at any time which bytes make another terminal show
// the same. So somebody who attaches late sees what somebody sees who was there
// from the start.
//
// It follows xterm in UTF-8 mode, but a cell holds a grapheme cluster (UAX 29),
// as in terminals that show emojis. Left and right margins (?69), 132 columns
// (?3) and protected cells (DECSCA) are ignored, sixel and other pictures are
// swallowed. What comes in is taken for an attack: nothing that it says makes
// memory or time grow beyond a bound.
package screen

const (
	// MaxSide is the most rows and the most columns that a screen has.
	MaxSide = 1000
	// defaultRows and defaultCols stand for a size that nobody said.
	defaultRows, defaultCols = 24, 80
)

// Options are what a screen tells and how much it keeps. The functions are
// called inside of Write and must not call the screen; nil: nobody listens.
type Options struct {
	// ScrollbackBytes bounds the memory of the lines that left the primary
	// screen at its top; 0: none are kept.
	ScrollbackBytes int
	// Reply takes the answer to a query, to be typed to the program.
	Reply func([]byte)
	// Bell is called for BEL.
	Bell func()
	// Notify takes the text of a notification (OSC 9, 99, 777): at most 512
	// bytes, without control characters.
	Notify func(text string)
}

// Screen is a terminal without a window. It is not safe for concurrent use.
type Screen struct {
	o          Options
	rows, cols int

	decoder
	parser

	primary, alternate grid // the alternate one has no rows until it is used
	onAlternate        bool
	g                  *grid // the one that is shown
	history            history

	cursor
	saved       [2]cursor // by DECSC: of the primary screen, of the alternate one
	joins       bool      // the cell before the cursor was printed last
	shift       int       // 2 or 3: the next character is of G2 or G3
	top, bottom int       // scroll margins, rows from 0, both inside
	tabs        [MaxSide]bool

	modes
	keys     [2]keyFlags // of the primary screen, of the alternate one
	otherKey int         // modifyOtherKeys, 0 to 2
	shape    int         // of the cursor: DECSCUSR, 0 to 6
	title    string
	colours  colours

	clusters clusters
	extras   extras
	scratch  []byte
}

// New is a blank screen. A side that is 0 or less is that of 24 rows and 80
// columns; more than MaxSide is MaxSide.
func New(rows, cols int, o Options) *Screen {
	s := &Screen{o: o, rows: side(rows, defaultRows), cols: side(cols, defaultCols)}
	s.primary = newGrid(s.rows, s.cols)
	s.history.limit = o.ScrollbackBytes
	s.reset()
	return s
}

func side(n, unknown int) int {
	if n <= 0 {
		return unknown
	}
	return min(n, MaxSide)
}

// reset makes everything new, the scrollback too.
func (s *Screen) reset() {
	s.cursor, s.saved = cursor{}, [2]cursor{}
	for _, alternate := range []bool{s.alternate.lines != nil, false} {
		s.show(alternate)
		s.eraseRows(0, s.rows)
	}
	s.history.clear()
	s.shift = 0
	s.top, s.bottom = 0, s.rows-1
	s.defaultTabs(0)
	s.modes = defaultModes
	s.keys, s.otherKey, s.shape, s.title = [2]keyFlags{}, 0, 0, ""
	s.colours = colours{}
	s.clusters, s.extras = clusters{}, extras{}
}

// Write takes output of the program. It takes all of it and never fails. How
// the output is cut into calls makes no difference.
func (s *Screen) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		i += s.take(p[i:])
	}
	return len(p), nil
}

// Size is how many rows and columns there are.
func (s *Screen) Size() (rows, cols int) { return s.rows, s.cols }

// Cursor is where the cursor is, from 0, and whether it is shown.
func (s *Screen) Cursor() (row, col int, visible bool) {
	return s.row, s.col, s.has(modeCursor)
}

// Title is what the program last set as the title of its window: at most 512
// bytes, without control characters.
func (s *Screen) Title() string { return s.title }

// Alternate says whether the alternate screen is shown, as full-screen programs
// use it.
func (s *Screen) Alternate() bool { return s.onAlternate }

// Mode says whether a DEC private mode is set, by its number: 2004 is bracketed
// paste.
func (s *Screen) Mode(n int) bool {
	set, _ := s.mode(n)
	return set
}
