package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/alecthomas/kong"
)

// bare is a command line without a command: help, unless it is a mistake.
func (c *call) bare(ctx context.Context, args []string) error {
	if slices.Contains(args, "--version") {
		return (&versionCmd{}).run(ctx, c)
	}
	if err := c.stray(args); err != nil {
		return err
	}
	c.help()
	return nil
}

// stray says what is wrong with flags that stand before any command.
func (c *call) stray(args []string) error {
	if !slices.Contains(args, "--help") && !slices.Contains(args, "-h") {
		k, err := kong.New(&c.everywhere, kong.Name("bot-bottle"), kong.Exit(func(int) {}), kong.NoDefaultHelp(), kong.WithHyphenPrefixedParameters(true))
		if err != nil {
			panic(fmt.Sprintf("grammar: %v", err)) // held by a test
		}
		if _, err := k.Parse(args); err != nil {
			return parseFailure("bot-bottle", "bot-bottle --help", err)
		}
	}
	return nil
}

// help prints every command by its group.
func (c *call) help() {
	fmt.Fprint(c.out, `bot-bottle runs AI coding agents in isolated bottles and never loses track of one.

Usage: bot-bottle COMMAND [flags]
`)
	for _, g := range groups {
		fmt.Fprintf(c.out, "\n%s\n", g)
		for _, e := range commands {
			if e.group != g || e.hidden {
				continue
			}
			fmt.Fprintf(c.out, "  %-12s %s", e.name, e.help)
			for i, a := range e.aliases {
				if i == 0 {
					fmt.Fprint(c.out, " Also: ")
				} else {
					fmt.Fprint(c.out, ", ")
				}
				fmt.Fprint(c.out, a)
			}
			fmt.Fprintln(c.out)
		}
	}
	fmt.Fprint(c.out, "\nbot-bottle COMMAND --help shows the flags of a command.\n")
}
