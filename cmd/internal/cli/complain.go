package cli

import (
	"fmt"
	"strings"
)

// complain says on stderr what went wrong: an object with -o json, words
// otherwise. Either way nothing in it can drive a terminal.
func (c *call) complain(f failure) {
	if c.Output == asJSON || c.Output == asLines {
		j := &jsonBuf{}
		j.open("", '{').open("error", '{')
		f.keys(j)
		j.close('}').close('}')
		fmt.Fprintf(c.env.Stderr, "%s\n", j.b)
		return
	}
	first, rest, _ := strings.Cut(strings.TrimRight(f.Message, "\n"), "\n")
	fmt.Fprintf(c.env.Stderr, "bot-bottle: %s\n", safe(first))
	if rest != "" && c.Verbose {
		fmt.Fprintln(c.env.Stderr, safeLines(rest))
	}
	if f.Next != "" {
		fmt.Fprintf(c.env.Stderr, "  next: %s\n", safe(f.Next))
	}
}

// keys writes the error object of docs/cli.md.
func (f failure) keys(j *jsonBuf) {
	j.str("code", string(f.Code)).num("exit", int64(f.Exit)).str("message", f.Message)
	j.opt("bottle", f.Bottle).opt("backend", f.Backend).str("origin", f.Origin).opt("next", f.Next)
}
