package inside

import (
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/screen"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

const (
	// firstRows and firstCols are a terminal's size until somebody comes who
	// has one.
	firstRows, firstCols = 24, 80
	// maxSide bounds what a client may say: a screen costs memory.
	maxSide = 1000
	// scrollback is how many bytes of lines above the screen are kept.
	scrollback = 2 << 20
)

// display is what an agent's terminal shows and what the agent was last seen
// doing. The holder's mu guards it.
type display struct {
	screen       *screen.Screen // nil without a terminal
	owner        *client        // whose size the terminal has; nil: nobody's who is here
	output, bell time.Time      // zero: never
	attention    string         // what for, see wire.Status
	note         string
}

// watch makes ready for what the agent prints. The screen calls back while the
// holder's mu is held.
func (h *holder) watch() {
	h.kept.most = maxKept
	if h.o.TTY {
		h.kept.most = maxKeptShown
		h.show.screen = screen.New(firstRows, firstCols, screen.Options{ScrollbackBytes: scrollback,
			Reply: h.reply, Bell: h.rang, Notify: h.notified})
	}
}

// shown takes in what the agent printed.
func (h *holder) shown(b []byte, at time.Time) {
	h.show.output = at
	if h.show.screen != nil {
		h.show.screen.Write(b)
	}
}

// reply answers what the agent asks its terminal, unless somebody is here
// whose own terminal answers.
func (h *holder) reply(b []byte) {
	if h.writers() == 0 {
		h.typed(input{b: append([]byte(nil), b...)})
	}
}

// writers counts who sees the output and may type.
func (h *holder) writers() (n int) {
	for _, a := range h.clients {
		if a.streams && !a.readOnly {
			n++
		}
	}
	return n
}

func (h *holder) rang() {
	h.show.bell = time.Now()
	if h.show.attention == "" {
		h.show.attention = wire.AttentionBell
	}
	h.attend()
}

func (h *holder) notified(text string) {
	h.show.attention, h.show.note = wire.AttentionNotified, text
	h.attend()
}

// attend tells who waits for attention.
func (h *holder) attend() {
	for c, a := range h.clients {
		if a.attention {
			c.finish(frame(wire.KindStatus, h.status()))
		}
	}
}

// attended says that somebody has seen what the agent wanted.
func (h *holder) attended() { h.show.attention, h.show.note = "", "" }

// touch notes that a client types: its size is the terminal's from now on.
func (h *holder) touch(c *client, a *attachment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attended()
	if h.show.owner != c {
		h.fit(c, a.size)
	}
}

// sized notes the size of a client's terminal. It counts at once for who typed
// last, or is alone.
func (h *holder) sized(c *client, a *attachment, size backends.Size) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.size = size
	if h.show.owner == c || h.writers() == 1 {
		h.fit(c, size)
	}
}

// fit gives the terminal a client's size.
func (h *holder) fit(c *client, size backends.Size) {
	if size.Rows == 0 || size.Cols == 0 || h.proc == nil || h.show.screen == nil {
		return
	}
	h.show.owner = c
	size.Rows, size.Cols = min(size.Rows, maxSide), min(size.Cols, maxSide)
	h.show.screen.Resize(int(size.Rows), int(size.Cols))
	h.proc.resize(size) // of what has ended it fails, and nobody minds
}

// redraw is what makes another terminal show the same; one that has been here
// has its own history.
func (h *holder) redraw(history screen.History) [][]byte {
	return outFrames(h.show.screen.Redraw(history))
}

// refresh gives a client that could not keep up the screen as it is now.
func (h *holder) refresh(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.behind() { // the end of the run may have brought it
		c.resume(h.redraw(screen.Omit))
	}
}

// outFrames is a text as a client is sent it.
func outFrames(b []byte) (frames [][]byte) {
	for len(b) > 0 {
		n := min(len(b), wire.MaxData)
		frames = append(frames, wire.Append(make([]byte, 0, n+5), wire.KindOut, b[:n]))
		b = b[n:]
	}
	return frames
}

// status is what is known of the agent, with mu held.
func (h *holder) status() wire.Status {
	s := wire.Status{LastOutput: nanos(h.show.output), Bell: nanos(h.show.bell), Attention: h.show.attention, Note: h.show.note}
	s.Exit = h.exit
	if scr := h.show.screen; scr != nil {
		rows, cols := scr.Size()
		row, col, _ := scr.Cursor()
		s.Rows, s.Cols, s.CursorRow, s.CursorCol = uint16(rows), uint16(cols), uint16(row), uint16(col)
		s.Title = scr.Title()
	}
	return s
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
