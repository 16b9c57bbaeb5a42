package outer

import (
	"bytes"
	"slices"
	"strings"
)

// colours decides by the first colour: a question is for those who get the
// answer.
func colours(o Options, s sequence, ended bool) verdict {
	spec := s.arg
	if string(s.name) == "4" || string(s.name) == "5" {
		_, spec, _ = bytes.Cut(spec, []byte(";"))
	}
	switch {
	case len(spec) == 0 && !ended:
		return undecided
	case o.Deaf && len(spec) > 0 && spec[0] == '?':
		return drop
	}
	return pass
}

// namedColours lets pass names of letters and digits: what a terminal echoes
// of them is no command for a shell.
func namedColours(o Options, s sequence, ended bool) verdict {
	if !ended {
		return undecided
	}
	for field := range bytes.SplitSeq(s.arg, []byte(";")) {
		key, value, _ := bytes.Cut(field, []byte("="))
		if slices.ContainsFunc(key, func(c byte) bool { return !isWord(c) }) || o.Deaf && string(value) == "?" {
			return drop
		}
		if string(value) == "?" && !isColourName(string(key)) {
			return drop
		}
	}
	return pass
}

// isColourName knows the names of kitty's colours.
func isColourName(key string) bool {
	const many = "transparent_background_color"
	switch key {
	case "foreground", "background", "selection_background", "selection_foreground", "cursor", "cursor_text", "visual_bell":
		return true
	}
	if len(key) > len(many) && key[:len(many)] == many {
		key = key[len(many):]
	}
	list, ok := numbers([]byte(key))
	return ok && len(list) == 1 && list[0] >= 0
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
}

// plainNotice lets pass text and the progress of 9;4. ConEmu has a command
// behind every other number.
func plainNotice(_ Options, s sequence, ended bool) verdict {
	i := 0
	for i < len(s.arg) && s.arg[i] >= '0' && s.arg[i] <= '9' {
		i++
	}
	switch {
	case i == len(s.arg) && !ended:
		return undecided
	case i == 0 || i < len(s.arg) && s.arg[i] != ';':
		return pass
	}
	return passIf(string(s.arg[:i]) == "4")
}

func cursorShape(_ Options, s sequence, ended bool) verdict {
	if !ended {
		return undecided
	}
	shape, ok := bytes.CutPrefix(s.arg, []byte("CursorShape="))
	return passIf(ok && len(shape) == 1 && shape[0] >= '0' && shape[0] <= '9')
}

// pointer lets pass names of shapes; a question repeats none of them.
func pointer(o Options, s sequence, ended bool) verdict {
	if !ended {
		return undecided
	}
	return passIf(!o.Deaf || !s.asks())
}

// clipboard lets pass what sets it, if that is allowed: base64 behind the
// names of clipboards. A question mark there asks for what is in it.
func clipboard(o Options, s sequence, ended bool) verdict {
	if !o.Clipboard {
		return drop
	}
	names, data, named := bytes.Cut(s.arg, []byte(";"))
	switch {
	case slices.ContainsFunc(names, func(c byte) bool { return !isWord(c) }):
		return drop
	case !named || len(data) == 0:
		return passIfEnded(named, ended)
	}
	return passIf(isWord(data[0]) || data[0] == '+' || data[0] == '/' || data[0] == '=')
}

// kittyClipboard lets pass the parts of writing, if that is allowed.
func kittyClipboard(o Options, s sequence, ended bool) verdict {
	if !o.Clipboard {
		return drop
	}
	meta, _, all := bytes.Cut(s.arg, []byte(";"))
	if !all && !ended {
		return undecided
	}
	types := 0
	for field := range bytes.SplitSeq(meta, []byte(":")) {
		key, value, _ := bytes.Cut(field, []byte("="))
		if string(key) != "type" {
			continue
		}
		types++
		if !slices.Contains([]string{"write", "wdata", "walias"}, string(value)) {
			return drop
		}
	}
	return passIf(types == 1)
}

// kittyNotice decides by the metadata: p=? and p=alive ask, a=report and c=1
// have a click or a closing typed later, to whoever reads then.
func kittyNotice(_ Options, s sequence, ended bool) verdict {
	meta, _, all := bytes.Cut(s.arg, []byte(";"))
	if !all && !ended {
		return undecided
	}
	for field := range bytes.SplitSeq(meta, []byte(":")) {
		key, value, _ := bytes.Cut(field, []byte("="))
		switch key, value := string(bytes.TrimSpace(key)), string(bytes.TrimSpace(value)); {
		case key == "p" && !slices.Contains([]string{"title", "body", "icon", "close", "buttons"}, value):
			return drop
		case key == "c" && value != "0":
			return drop
		case key == "a" && slices.Contains(strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == '+' }), "report"):
			return drop
		}
	}
	return pass
}

func notify(_ Options, s sequence, ended bool) verdict {
	word, _, all := bytes.Cut(s.arg, []byte(";"))
	if !all && !ended {
		return undecided
	}
	return passIf(string(word) == "notify")
}

// inlineImage lets pass images within the text: File= and MultipartFile= with
// inline=1, without which they are downloads, and the parts of the latter.
func inlineImage(_ Options, s sequence, ended bool) verdict {
	word, rest, named := bytes.Cut(s.arg, []byte("="))
	switch w := string(word); {
	case w == "FileEnd" && ended, w == "FilePart" && named:
		return pass
	case !named:
		return passIfEnded(false, ended)
	case w != "File" && w != "MultipartFile":
		return drop
	}
	fields, _, all := bytes.Cut(rest, []byte(":"))
	if !all && !ended {
		return undecided
	}
	inline := false
	for field := range bytes.SplitSeq(fields, []byte(";")) {
		if key, value, _ := bytes.Cut(field, []byte("=")); string(key) == "inline" {
			if string(value) != "1" {
				return drop
			}
			inline = true
		}
	}
	return passIf(inline)
}

// passIfEnded waits for the end of a string, where it is then to pass.
func passIfEnded(ok, ended bool) verdict {
	if !ended {
		return undecided
	}
	return passIf(ok)
}
