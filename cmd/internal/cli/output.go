package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// The output formats.
const (
	asTable = "table"
	asWide  = "wide"
	asJSON  = "json"
	asLines = "jsonl"
	asNames = "name"
)

var formats = []string{asTable, asWide, asJSON, asLines, asNames}

// format is the flag that chooses one.
type format string

// UnmarshalText reads the flag's value.
func (f *format) UnmarshalText(b []byte) error {
	*f = format(b)
	return oneOf("output format", string(b), formats)
}

// column is one column of a table: the name for --columns, the head, and
// whether it takes -o wide to show it.
type column[T any] struct {
	name  string
	wide  bool
	value func(T) string
}

// listing is a list that can be printed in every format.
type listing[T any] struct {
	key     string // of the list in JSON
	items   []T
	columns []column[T]
	name    func(T) string
	item    func(*jsonBuf, T)
	head    func(*jsonBuf) // what stands before the list in JSON; may be nil
	paint   func(column, cell string) string
}

// print writes the listing in the format asked for.
func (l listing[T]) print(c *call) error {
	switch c.Output {
	case asJSON:
		j := newDocument()
		j.b = slices.Grow(j.b, len(l.items)*rowBytes)
		if l.head != nil {
			l.head(j)
		}
		j.open(l.key, '[')
		for _, it := range l.items {
			l.item(j, it)
		}
		j.close(']')
		c.document(j)
	case asLines:
		j := &jsonBuf{}
		for _, it := range l.items {
			j.b = j.b[:0]
			l.item(j, it)
			c.out.Write(append(j.b, '\n'))
		}
	case asNames:
		for _, it := range l.items {
			c.out.WriteString(safe(l.name(it)))
			c.out.WriteByte('\n')
		}
	default:
		return l.rows(c, true)
	}
	return nil
}

// chosen are the columns to show.
func (l listing[T]) chosen(c *call) ([]column[T], error) {
	var out []column[T]
	if len(c.Columns) == 0 {
		for _, col := range l.columns {
			if !col.wide || c.Output == asWide {
				out = append(out, col)
			}
		}
		return out, nil
	}
	known := make([]string, len(l.columns))
	for i, col := range l.columns {
		known[i] = col.name
	}
	for _, name := range c.Columns {
		name = strings.ToLower(name)
		if err := oneOf("column", name, known); err != nil {
			return nil, err
		}
		for _, col := range l.columns {
			if col.name == name {
				out = append(out, col)
			}
		}
	}
	return out, nil
}

// body goes on with a listing that was begun: without a head.
func (l listing[T]) body(c *call) error {
	if c.Output == asTable || c.Output == asWide {
		return l.rows(c, false)
	}
	return l.print(c)
}

func (l listing[T]) rows(c *call, head bool) error {
	cols, err := l.chosen(c)
	if err != nil {
		return err
	}
	width := make([]int, len(cols))
	rows := make([]string, 0, len(cols)*(len(l.items)+1))
	for i, col := range cols {
		title := strings.ToUpper(strings.ReplaceAll(col.name, "_", " "))
		width[i] = len(title)
		if head {
			rows = append(rows, title)
		}
	}
	for _, it := range l.items {
		for i, col := range cols {
			v := safe(col.value(it))
			if v == "" {
				v = "-"
			}
			rows, width[i] = append(rows, v), max(width[i], cells(v))
		}
	}
	line := len(cols) + 1
	for _, w := range width {
		line += w + 2
	}
	colour := l.paint != nil && c.colour()
	out := make([]byte, 0, line*(len(l.items)+1))
	for at, cell := range rows {
		i := at % len(cols)
		pad := width[i] - cells(cell)
		if colour && (at >= len(cols) || !head) {
			cell = l.paint(cols[i].name, cell)
		}
		out = append(out, cell...)
		if i == len(cols)-1 {
			out = append(out, '\n')
			continue
		}
		for range pad + 2 {
			out = append(out, ' ')
		}
	}
	c.out.give(out)
	return nil
}

// newDocument begins the one object that goes to stdout.
func newDocument() *jsonBuf {
	j := &jsonBuf{b: make([]byte, 0, 4096)}
	j.open("", '{')
	return j.num("schema", 1)
}

// document ends the object and prints it, indented for a person.
func (c *call) document(j *jsonBuf) {
	j.close('}')
	b := append(j.b, '\n')
	if c.Output == asJSON && isTerminal(c.env.Stdout) {
		b = indented(b)
	}
	c.out.give(b)
}

// rowBytes is about what a bottle or an event takes as JSON.
const rowBytes = 800

func indented(b []byte) []byte {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return b
	}
	return out.Bytes()
}

// colour says whether stdout gets colours: never with NO_COLOR (no-color.org)
// or --no-color, always with CLICOLOR_FORCE, else on a terminal.
func (c *call) colour() bool {
	if c.NoColor || c.getenv("NO_COLOR") != "" {
		return false
	}
	if f := c.getenv("CLICOLOR_FORCE"); f != "" && f != "0" {
		return true
	}
	return isTerminal(c.env.Stdout) && c.getenv("TERM") != "dumb"
}
