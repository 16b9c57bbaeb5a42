package screen

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNote bounds a title and the text of a notification, in bytes.
const maxNote = 512

// osc is an operating system command.
func (s *Screen) osc(text []byte) {
	number, rest, _ := bytes.Cut(text, []byte{';'})
	n, err := strconv.Atoi(string(number))
	if err != nil || len(number) > 4 {
		return
	}
	switch n {
	case 0, 2:
		s.title = note(string(rest))
	case 8:
		s.link(string(rest))
	case 9:
		if !bytes.Equal(rest, []byte("4")) && !bytes.HasPrefix(rest, []byte("4;")) { // 9;4 is progress
			s.notify(string(rest))
		}
	case 99:
		s.notifyKitty(string(rest))
	case 777:
		if verb, what, _ := strings.Cut(string(rest), ";"); verb == "notify" {
			title, body, _ := strings.Cut(what, ";")
			s.notify(strings.TrimSuffix(title+": "+body, ": "))
		}
	case 4, 10, 11, 12:
		s.setColours(n, string(rest))
	case 104, 110, 111, 112:
		s.resetColours(n, string(rest))
	}
}

// link is OSC 8.
func (s *Screen) link(rest string) {
	params, uri, ok := strings.Cut(rest, ";")
	if !ok {
		return
	}
	var l Link
	if uri != "" {
		l.URI = uri
		for p := range strings.SplitSeq(params, ":") {
			if id, ok := strings.CutPrefix(p, "id="); ok {
				l.ID = id
			}
		}
	}
	s.setExtra(extra{underline: s.penExtra().underline, link: l})
}

// notifyKitty is a notification with metadata. Those that come in several parts
// are told part by part.
func (s *Screen) notifyKitty(rest string) {
	metadata, payload, _ := strings.Cut(rest, ";")
	for m := range strings.SplitSeq(metadata, ":") {
		switch key, value, _ := strings.Cut(m, "="); {
		case key == "p" && value != "title" && value != "body":
			return
		case key == "e" && value == "1":
			b, err := base64.StdEncoding.DecodeString(payload)
			if err != nil {
				return
			}
			payload = strings.ToValidUTF8(string(b), string(utf8.RuneError))
		}
	}
	s.notify(payload)
}

func (s *Screen) notify(text string) {
	if text = note(text); text != "" && s.o.Notify != nil {
		s.o.Notify(text)
	}
}

// note is a text in one line: bounded, without what is not to be seen.
func note(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, text)
	if len(text) > maxNote {
		n := maxNote
		for !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	return text
}
