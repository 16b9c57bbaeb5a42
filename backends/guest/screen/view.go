package screen

import "bytes"

// Line is a row of the screen.
type Line struct {
	Runs    []Run // trailing blanks are left out
	Wrapped bool  // the text goes on in the next line
}

// Run is text of one style.
type Run struct {
	Text  string
	Style Style
}

// Lines is what is shown, row by row.
func (s *Screen) Lines() []Line {
	lines := make([]Line, len(s.g.lines))
	for i := range s.g.lines {
		l := &s.g.lines[i]
		cells := trim(l.cells)
		lines[i].Wrapped = l.wrapped
		for j := 0; j < len(cells); {
			with := cells[j].pen
			var text []byte
			for ; j < len(cells) && cells[j].pen == with; j++ {
				if !cells[j].isTail() {
					text = s.appendText(text, &cells[j])
				}
			}
			lines[i].Runs = append(lines[i].Runs, Run{string(text), s.style(with)})
		}
	}
	return lines
}

// Text is what is shown as plain text, row by row, without trailing blanks.
func (s *Screen) Text() []string {
	text := make([]string, len(s.g.lines))
	var b []byte
	for i := range s.g.lines {
		b = b[:0]
		cells := s.g.lines[i].cells
		for j := range cells {
			if !cells[j].isTail() {
				b = s.appendText(b, &cells[j])
			}
		}
		text[i] = string(bytes.TrimRight(b, " "))
	}
	return text
}

// Styled is what is shown as lines of text with colours and attributes: SGR is
// the only control sequence, and each line ends with its reset and a newline.
func (s *Screen) Styled() []byte {
	var b []byte
	for _, l := range s.Lines() {
		var has Style
		for _, r := range l.Runs {
			r.Style.Link = Link{}
			if r.Style != has {
				b = appendSGR(b, r.Style)
			}
			has = r.Style
			b = append(b, r.Text...)
		}
		b = append(b, "\x1b[m\n"...)
	}
	return b
}
