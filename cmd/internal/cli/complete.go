package cli

import (
	"context"
	"strings"

	"github.com/alecthomas/kong"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// completeCmd answers the completion scripts: one candidate a line. It reads
// the log, asks no engine, and keeps silent about whatever is wrong: a shell
// in the middle of a line has no place for words.
type completeCmd struct {
	words []string
}

// takeTail gets the words of the line so far, the one at the cursor last.
func (k *completeCmd) takeTail(words []string) { k.words = words }

func (k *completeCmd) run(ctx context.Context, c *call) error {
	if len(k.words) == 0 {
		k.words = []string{""}
	}
	line, cur := k.words[:len(k.words)-1], k.words[len(k.words)-1]
	for _, s := range c.candidates(ctx, line, cur) {
		if strings.HasPrefix(s, cur) {
			c.out.WriteString(safe(s) + "\n")
		}
	}
	return nil
}

func (c *call) candidates(ctx context.Context, line []string, cur string) []string {
	at, _ := scan(line)
	if at < 0 {
		if strings.HasPrefix(cur, "-") {
			return flagsOf(&entry{name: "help"}, &struct{}{})
		}
		return verbs()
	}
	e := find(line[at])
	if e == nil {
		return nil
	}
	cmd := e.fresh()
	last := line[len(line)-1]
	switch {
	case strings.HasPrefix(cur, "-"):
		return flagsOf(e, cmd)
	case len(line)-1 > at && closed[last] != nil:
		return closed[last](c)
	case e.name == "completion":
		return shells
	}
	if names, ok := cmd.(interface{ completesBottles() bool }); ok && names.completesBottles() {
		if h, err := lastHome(line); err == nil && h != "" {
			c.Home = h
		}
		return c.liveSlugs(ctx)
	}
	return nil
}

// lastHome is the home that the line itself names.
func lastHome(line []string) (string, error) {
	for i, w := range line {
		if v, ok := strings.CutPrefix(w, "--home="); ok {
			return v, nil
		}
		if w == "--home" && i+1 < len(line) {
			return line[i+1], nil
		}
	}
	return "", nil
}

// closed are the flags whose values come from a closed set.
var closed = map[string]func(*call) []string{
	"-o":        func(*call) []string { return formats },
	"--output":  func(*call) []string { return formats },
	"--pull":    func(*call) []string { return []string{"missing", "always", "never"} },
	"--network": func(*call) []string { return []string{"none", "full"} },
	"--tty":     func(*call) []string { return ttyModes },
	"--for":     func(*call) []string { return awaited },
	"--type":    func(*call) []string { return events.Types() },
	"--backend": func(c *call) []string { return c.env.Backends.Names() },
	"--state": func(*call) (out []string) {
		for _, s := range projections.States {
			out = append(out, string(s))
		}
		return out
	},
}

func verbs() (out []string) {
	for _, e := range commands {
		if !e.hidden {
			out = append(append(out, e.name), e.aliases...)
		}
	}
	return out
}

// flagsOf lists the long flags of a verb.
func flagsOf(e *entry, cmd any) (out []string) {
	k, err := kong.New(&everywhere{}, kong.Name("bot-bottle"), kong.NoDefaultHelp(), kong.DynamicCommand(e.name, e.help, "", cmd))
	if err != nil {
		return nil
	}
	for _, n := range k.Model.Children {
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				out = append(out, "--"+f.Name)
			}
		}
	}
	return out
}

// liveSlugs lists the bottles that are not removed.
func (c *call) liveSlugs(ctx context.Context) (out []string) {
	_ = c.look(ctx, func(v *glance) (err error) {
		out, err = v.slugs(ctx)
		return err
	})
	return out
}

func (*one) completesBottles() bool       { return true }
func (*many) completesBottles() bool      { return true }
func (*waitCmd) completesBottles() bool   { return true }
func (*resumeCmd) completesBottles() bool { return true }

func (*historyCmd) completesBottles() bool { return true }
func (*cpCmd) completesBottles() bool      { return true }
