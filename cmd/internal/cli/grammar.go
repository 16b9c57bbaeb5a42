package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kong"
)

// command is one verb with its flags filled in.
type command interface {
	run(ctx context.Context, c *call) error
}

// entry is a verb in the table of commands.
type entry struct {
	name    string
	aliases []string
	help    string
	group   string
	hidden  bool
	acts    bool // on bottles that it looks up: it writes in any case
	fresh   func() command
}

// find looks a verb up by its name or an alias.
func find(word string) *entry {
	for i := range commands {
		if e := &commands[i]; e.name == word || slices.Contains(e.aliases, word) {
			return e
		}
	}
	return nil
}

func unknownCommand(word string) error {
	var words []string
	for _, e := range commands {
		if !e.hidden {
			words = append(append(words, e.name), e.aliases...)
		}
	}
	p := &problem{Code: codeUsage, Message: fmt.Sprintf("no command %q", clip(word)), Next: "bot-bottle --help"}
	if n := nearest(word, words); n != "" {
		p.Message += fmt.Sprintf("; did you mean %s?", n)
		p.Next = "bot-bottle " + n + " --help"
	}
	return p
}

// parse fills in the flags. Only the chosen verb's grammar is built: building
// all of them costs more than a list of ten bottles.
func (c *call) parse(e *entry, cmd command, at int, args []string) error {
	args = slices.Clone(args)
	args[at] = e.name
	if t, ok := cmd.(interface{ takeTail([]string) }); ok {
		if i := slices.Index(args, "--"); i >= 0 {
			t.takeTail(slices.Clone(args[i+1:]))
			args = args[:i]
		}
	}
	if _, ok := cmd.(plain); ok {
		if flags, ok := quick(args, at); ok {
			c.everywhere = flags
			return c.everywhere.settle()
		}
	}
	k, err := kong.New(&c.everywhere,
		kong.Name("bot-bottle"),
		kong.Writers(c.out, c.env.Stderr),
		kong.Exit(func(int) {}),
		kong.NoDefaultHelp(),
		kong.WithHyphenPrefixedParameters(true),
		kong.DynamicCommand(e.name, e.help, "", cmd),
	)
	if err != nil {
		panic(fmt.Sprintf("grammar of %s: %v", e.name, err)) // held by a test
	}
	if _, err := k.Parse(args); err != nil {
		if errors.Is(err, errHelpShown) {
			return errHelpShown
		}
		return parseFailure(e.name, "bot-bottle "+e.name+" --help", err)
	}
	if err := c.everywhere.settle(); err != nil {
		return err
	}
	if v, ok := cmd.(interface{ check() error }); ok {
		return v.check()
	}
	return nil
}

// parseFailure turns kong's words into ours. An error of our own flag types
// keeps its text.
func parseFailure(what, next string, err error) error {
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		err = parse.Unwrap()
	}
	return &problem{Code: codeUsage, Message: what + ": " + err.Error(), Next: next}
}

// helpFlag prints the help of the verb it stands behind.
type helpFlag bool

// errHelpShown ends the parsing: nothing is left to do.
var errHelpShown = errors.New("help shown")

// BeforeReset is kong's hook for a flag that was given.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	// stray words are taken only to explain them, so they are no argument
	if node := ctx.Selected(); node != nil {
		node.Positional = slices.DeleteFunc(node.Positional, func(a *kong.Positional) bool { return a.Name == "extra" })
	}
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	return errHelpShown
}
