package screen

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// record is one line of the scrollback as bytes, about as many as it has
// characters: its size and whether it wrapped, and runs of one style each. All
// numbers are little-endian.
type record struct {
	b     []byte
	run   int // where the size of the open run is; 0: none
	style Style
	alone bool // the open run is one cluster
}

const (
	hasLooks = 1 << iota
	hasLink
)

func (r *record) begin() { r.b, r.run = append(r.b[:0], 0, 0, 0, 0), 0 }

// open begins a run, if the open one has another style. The text of a cell with
// more than one character is a run of its own.
func (r *record) open(st Style, alone bool) {
	if r.run != 0 && !r.alone && !alone && st == r.style {
		return
	}
	r.close()
	r.style, r.alone = st, alone
	kind := byte(0)
	link := st.Link
	if st.Link = (Link{}); st != (Style{}) {
		kind |= hasLooks
	}
	if link != (Link{}) {
		kind |= hasLink
	}
	r.b = append(r.b, kind)
	if kind&hasLooks != 0 {
		for _, c := range []Color{st.FG, st.BG, st.Underline} {
			r.b = binary.LittleEndian.AppendUint32(r.b, uint32(c))
		}
		r.b = binary.LittleEndian.AppendUint16(r.b, uint16(st.Attr))
	}
	if kind&hasLink != 0 {
		for _, t := range []string{link.ID, link.URI} {
			r.b = binary.LittleEndian.AppendUint16(r.b, uint16(len(t)))
			r.b = append(r.b, t...)
		}
	}
	r.run = len(r.b)
	r.b = append(r.b, 0, 0)
}

func (r *record) close() {
	if r.run == 0 {
		return
	}
	size := uint16(len(r.b)-r.run-2) << 1
	if r.alone {
		size |= 1
	}
	binary.LittleEndian.PutUint16(r.b[r.run:], size)
	r.run = 0
}

// end is the whole record, good until the next begin.
func (r *record) end(wrapped bool) []byte {
	r.close()
	size := uint32(len(r.b)) << 1
	if wrapped {
		size |= 1
	}
	binary.LittleEndian.PutUint32(r.b, size)
	return r.b
}

// decode calls with each cell of a record: its text, how many columns it takes,
// and whether it is a cluster. It says whether the line wrapped.
func decode(rec []byte, see func(text []byte, w int, st Style, together bool)) (wrapped bool) {
	wrapped = rec[0]&1 != 0
	for b := rec[4:]; len(b) > 0; {
		kind := b[0]
		b = b[1:]
		var st Style
		if kind&hasLooks != 0 {
			for _, c := range []*Color{&st.FG, &st.BG, &st.Underline} {
				*c = Color(binary.LittleEndian.Uint32(b))
				b = b[4:]
			}
			st.Attr = Attr(binary.LittleEndian.Uint16(b))
			b = b[2:]
		}
		if kind&hasLink != 0 {
			for _, t := range []*string{&st.Link.ID, &st.Link.URI} {
				n := int(binary.LittleEndian.Uint16(b))
				*t = string(b[2 : 2+n])
				b = b[2+n:]
			}
		}
		size := binary.LittleEndian.Uint16(b)
		text := b[2 : 2+size>>1]
		b = b[2+size>>1:]
		if size&1 != 0 {
			see(text, min(displaywidth.Bytes(text), 2), st, true)
			continue
		}
		for len(text) > 0 {
			r, n := utf8.DecodeRune(text)
			see(text[:n], min(displaywidth.Rune(r), 2), st, false)
			text = text[n:]
		}
	}
	return wrapped
}
