package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// What the tests of the pure parts reach for.

func Safe(s string) string         { return safe(s) }
func SafeLines(s string) string    { return safeLines(s) }
func SafeColoured(s string) string { return safeColoured(s) }
func Cells(s string) int           { return cells(s) }
func Dangerous(r rune) bool        { return dangerous(r) }

// PlainText copies chunks through the writer behind logs.
func PlainText(to io.Writer) io.WriteCloser { return newPlainText(to) }

// Moment is parseMoment, flattened.
func Moment(s string, now time.Time) (t time.Time, seq int64, bySeq bool, err error) {
	m, err := parseMoment(s, now)
	return m.Time, m.Seq, m.BySeq, err
}

func Span(s string) (time.Duration, error) { return parseSpan(s) }
func Size(s string) (int64, error)         { return parseSize(s) }
func SizeText(n int64) string              { return bytesText(n) }
func Age(t, now time.Time) string          { return age(t, now) }
func Nearest(word string, known []string) string {
	return nearest(word, known)
}

// DecodeConfig is decodeConfig, told whether it read anything.
func DecodeConfig(b []byte, system bool) (image, locked string, agents int, err error) {
	s, l, err := decodeConfig(b, system)
	return s.Image, l.Image, len(s.Agents), err
}

func CheckDetachKeys(s string) error { return checkDetachKeys(s) }

// JSONString is a string as every JSON of ours writes it.
func JSONString(s string) []byte { return appendString(nil, s) }

// JSONStored is stored JSON as it is printed.
func JSONStored(b []byte) []byte {
	j := &jsonBuf{}
	return j.stored("", b).b
}

// Inside is how cp splits a word.
func Inside(s string) (bottle, path string, ok bool) { return inside(s) }

// CommandNames lists every verb, hidden ones and aliases too.
func CommandNames() (names []string) {
	for _, e := range commands {
		names = append(append(names, e.name), e.aliases...)
	}
	return names
}

// Flags lists the long flags of a verb.
func Flags(name string) []string {
	e := find(name)
	return flagsOf(e, e.fresh())
}

// Exits is the table of exit codes by error code.
func Exits() map[string]int {
	out := map[string]int{}
	for code, exit := range exits {
		out[string(code)] = exit
	}
	return out
}

// Quick reads a line of version the quick way: the flags, laid out.
func Quick(args []string) (flags string, ok bool) {
	at, _ := scan(args)
	if at < 0 || args[at] != "version" {
		return "", false
	}
	e, ok := quick(args, at)
	if err := e.settle(); err != nil {
		return err.Error(), ok
	}
	return fmt.Sprintf("%+v", e), ok
}

// ByKong reads the same line by the grammar.
func ByKong(args []string) string {
	at, _ := scan(args)
	c := &call{}
	if err := c.parse(find("version"), &slowVersion{}, at, args); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%+v", c.everywhere)
}

// slowVersion has the flags of version and is not plain.
type slowVersion struct{}

func (*slowVersion) run(context.Context, *call) error { return nil }

// ScanFor is where scan finds the verb.
func ScanFor(args []string) int {
	at, _ := scan(args)
	return at
}

// GlobalFlags lists the flags of every verb and whether they take a value, by
// the grammar.
func GlobalFlags() map[string]bool {
	out := map[string]bool{}
	k, err := kong.New(&everywhere{}, kong.NoDefaultHelp())
	if err != nil {
		panic(err)
	}
	for _, f := range k.Model.Flags {
		out["--"+f.Name] = !f.IsBool()
		if f.Short != 0 {
			out["-"+string(f.Short)] = !f.IsBool()
		}
	}
	return out
}

// RenderList prints rows that were read already.
func RenderList(rows []projections.Row, as string, to io.Writer) {
	c := &call{env: Env{Stdout: to, Now: time.Now, Getenv: func(string) (string, bool) { return "", false }}, out: newStdout(to)}
	c.Output = format(as)
	list := make([]bottleRow, len(rows))
	for i := range rows {
		list[i].Row = &rows[i]
	}
	if err := (&listCmd{}).print(c, list, 1); err != nil {
		panic(err)
	}
	if err := c.out.release(); err != nil {
		panic(err)
	}
}

// Kinds are the backends of a release.
func Kinds() []string { return registry().Names() }

func Enforcement(backend, mode string) string { return enforcement(backend, mode) }
