package outer

import "strings"

// verdict is what a rule says about a sequence.
type verdict byte

const (
	undecided verdict = iota
	pass
	drop
)

// judge decides about a sequence. Until it is ended more of a string may come;
// then undecided counts as drop.
type judge func(o Options, s sequence, ended bool) verdict

// never is the judge of what does not pass in any form.
func never(Options, sequence, bool) verdict { return drop }

// rules are the sequences that do not pass whatever they say; all others do.
// A row names a kind and the names it is for. Sources: ctlseqs is xterm's
// "Control Sequences", STD-070 is DEC's "Video Systems Reference Manual".
var rules = table([]rule{
	// Title reports (20, 21) type what the guest chose, the rest moves the
	// window or tells where it is. ctlseqs, "Window manipulation".
	{"CSI t", windowOp},
	// How titles are set and reported (XTSMTITLE): in hex, later titles of the
	// user's shell would be garbled. ctlseqs.
	{"CSI >t", never},
	// Modes that change the grammar of what follows, write a file, or promise
	// a clipboard that is not there; see modeChange. ctlseqs, kitty "clipboard".
	{"CSI ?h ?l", modeChange},
	// Media copy prints the screen, or all that follows. ctlseqs, MC.
	{"CSI i ?i", never},
	// DECRQCRA: checksums of single cells read the screen out. ctlseqs.
	{"CSI *y", never},
	// DECINVM runs a macro, DECDMAC defines it: macros may hold anything that
	// does not pass here, and some terminals answer with them. ctlseqs.
	{"CSI *z", never},
	{"DCS !z", never},
	// DECUDK, DECPFK, DECPAK, DECPKA: a key would type what the guest chose.
	// ctlseqs, STD-070.
	{"DCS | \"x \"y", never},
	{"CSI +x", never},
	// DECLANS and DECSTUI set what ENQ and DA3 answer. STD-070.
	{"DCS v !{", never},
	// DECRQSS: some terminals have answered unknown settings with the words of
	// the question (CVE-2008-2383 and its like), so known ones only. ctlseqs.
	{"DCS $q", setting},
	// XTGETTCAP echoes the asked name, but in hex digits, and editors need it
	// to find out about colours: hex passes, anything else does not. ctlseqs.
	{"DCS +q", capability},
	// XTSETTCAP changes what keys send; XTGETXRES tells the user's settings.
	// ctlseqs.
	{"DCS +p +Q", never},
	// iTerm2's tmux mode (1000p) and its like (2000p) make the terminal type
	// commands; ReGIS is another language whose reports hold the guest's
	// macros. iTerm2 "tmux integration", STD-070.
	{"DCS p", never},
	// tmux's passthrough hides a sequence in a sequence. tmux FAQ.
	{"DCS t", never},
	// kitty's own: remote control (@kitty-cmd), echo, clone, edit, ask.
	// kitty "remote control".
	{"DCS @", never},
	// Images of kitty, but not from files or shared memory of the user's
	// machine, which it reads and deletes. kitty "graphics protocol".
	{"APC G", graphics},
	// Other character sets than UTF-8: what is a character to us could be a C1
	// control to the terminal. ctlseqs.
	{"ESC %@", never},
	// Terminology's commands: it would load files and addresses. Its README.
	{"ESC }", never},

	// X properties of the window, xterm's log file. ctlseqs.
	{"OSC 3 46", never},
	// Colours: a question has colours for an answer. ctlseqs.
	{"OSC 4 5 10 11 12 13 14 15 16 17 18 19", colours},
	// kitty's colours: unknown names are echoed. kitty "color control".
	{"OSC 21", namedColours},
	// Notifications; ConEmu has macros, programs and files here. iTerm2
	// "proprietary escape codes", ConEmu "ANSI X3.64".
	{"OSC 9", plainNotice},
	// rxvt's background picture: the question echoes its name. rxvt "reference".
	{"OSC 20", never},
	// Pointer shapes: names are asked one by one, answered by yes or no.
	// kitty "pointer shapes".
	{"OSC 22", pointer},
	// Fonts by name: the question echoes it (CVE-2022-45063). iTerm2 and
	// Konsole have other things under 50, of which the cursor's shape passes.
	// ctlseqs, rxvt "reference".
	{"OSC 50", cursorShape},
	{"OSC 710 711 712 713", never},
	// Calls of functions in the editors whose terminal this may be.
	// Vim "terminal-api", Emacs vterm.
	{"OSC 51", never},
	// The clipboard. ctlseqs; kitty "clipboard".
	{"OSC 52", clipboard},
	{"OSC 5522", kittyClipboard},
	// Which features the terminal allows: an answer of fixed words. ctlseqs.
	{"OSC 60 61", whole},
	// Notifications of kitty, but no questions, and none whose click is typed
	// with the guest's id. kitty "desktop notifications".
	{"OSC 99", kittyNotice},
	// iTerm2's ssh integration. iTerm2 sources.
	{"OSC 134 135", never},
	// VS Code's shell integration: names the command that it offers to run
	// again. VS Code "shell integration".
	{"OSC 633", never},
	// rxvt's locale: the question echoes it. rxvt "reference".
	{"OSC 701", never},
	// rxvt's extensions; a notification is one that others took over.
	{"OSC 777", notify},
	// iTerm2's own: uploads, downloads, variables, the clipboard, focus. An
	// image within the text passes. iTerm2 "proprietary escape codes", "images".
	{"OSC 1337", inlineImage},
	// kitty's file transfer. kitty "file transfer".
	{"OSC 5113", never},
	// mlterm's own: pictures from files, scp, its settings. mlterm "PROTOCOL".
	{"OSC 5379 5380 5381 5382 5383", never},
})

// rule is a row: a kind with names, and who decides about them.
type rule struct {
	names string
	judge judge
}

func table(rows []rule) map[kind]map[string]judge {
	all := map[kind]map[string]judge{}
	for _, r := range rows {
		words := strings.Fields(r.names)
		k := kind(words[0])
		if all[k] == nil {
			all[k] = map[string]judge{}
		}
		for _, name := range words[1:] {
			all[k][name] = r.judge
		}
	}
	return all
}

// judge asks the row of a sequence. What has none passes once it is named.
func (t *Terminal) judge(s sequence, ended bool) verdict {
	switch {
	case s.broken:
		return drop
	case len(s.name) == 0, s.kind == kindOSC && s.name[0] <= '9' && s.arg == nil && !ended: // the number may go on
		if ended && s.kind == kindOSC && len(s.name) == 0 {
			return pass // an empty one says nothing
		}
		return undecided
	}
	if j := rules[s.kind][string(s.name)]; j != nil {
		return j(t.o, s, ended)
	}
	return pass
}
