package cli

import (
	"strings"
	"time"
)

// everywhere are the flags that every command takes.
type everywhere struct {
	Help helpFlag `short:"h" help:"Show help." group:"Everywhere"`

	Home          string   `placeholder:"DIR" help:"Folder of bot-bottle's records (else BOT_BOTTLE_HOME, else ~/.bot-bottle)." group:"Everywhere"`
	Output        format   `short:"o" default:"table" placeholder:"FORMAT" help:"table, wide, json, jsonl or name." group:"Everywhere"`
	Quiet         bool     `short:"q" help:"Print names only, and no steps." group:"Everywhere"`
	Columns       []string `placeholder:"A,B" help:"Columns of the table, in order." group:"Everywhere"`
	Yes           bool     `short:"y" help:"Answer yes to every question." group:"Everywhere"`
	NoInput       bool     `help:"Ask nothing: the answer is no." group:"Everywhere"`
	NoColor       bool     `help:"No colours." group:"Everywhere"`
	Verbose       bool     `help:"Say more about failures." group:"Everywhere"`
	EngineTimeout span     `default:"30s" placeholder:"D" help:"Longest wait for an answer of an engine." group:"Everywhere"`
	Reason        string   `placeholder:"TEXT" help:"Why, for the history." group:"Everywhere"`
}

// longestReason bounds --reason, which every event of the call carries.
const longestReason = 500

// settle checks what kong cannot.
func (e *everywhere) settle() error {
	if e.Quiet && e.Output == asTable {
		e.Output = asNames
	}
	if len(e.Columns) > 0 && e.Output != asTable && e.Output != asWide {
		return usageError("--columns chooses the columns of a table: it does not go with -o " + string(e.Output) + " or -q")
	}
	if time.Duration(e.EngineTimeout) <= 0 {
		return usageError("--engine-timeout must be more than nothing")
	}
	if len(e.Reason) > longestReason || strings.ContainsFunc(e.Reason, func(r rune) bool { return dangerous(r) }) {
		return usageError("--reason takes one line of at most 500 bytes, without control characters")
	}
	return nil
}

// withValue are the flags of everywhere that take one. The command's word is
// looked for before anything is parsed, so that only its grammar is built.
var withValue = map[string]bool{
	"--home": true, "--output": true, "-o": true, "--columns": true, "--engine-timeout": true, "--reason": true,
}

// scan finds the command's word in the arguments, and the output format
// whatever else is wrong with them.
func scan(args []string) (at int, out format) {
	at, out = -1, asTable
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		a := args[i]
		value := ""
		switch name, v, has := strings.Cut(a, "="); {
		case has && strings.HasPrefix(a, "--"):
			a, value = name, v
		case len(a) > 2 && strings.HasPrefix(a, "-o"):
			a, value = "-o", strings.TrimPrefix(a[2:], "=")
		case withValue[a] && i+1 < len(args):
			i++
			value = args[i]
		}
		switch {
		case (a == "-o" || a == "--output") && value != "":
			out = format(value)
		case at < 0 && !strings.HasPrefix(a, "-"):
			at = i
		}
	}
	return at, out
}
