// Command bench measures bot-bottle against others and against its bars, in
// one run, and prints one table. Compare only numbers of one table.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

func main() {
	fakesmolvm.Main() // this program under another name
	bottle := flag.String("program", "", "the built bot-bottle")
	source := flag.String("source", "", "the top of its source tree")
	only := flag.String("only", "append,list,verbs,sessions,machines", "what to measure")
	rounds := flag.Int("rounds", 41, "how often each side runs")
	flag.Parse()
	cleared, err := bench(*bottle, *source, *only, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if !cleared {
		os.Exit(3)
	}
}

// bench runs what only names and prints the table.
func bench(bottle, source, only string, rounds int) (cleared bool, err error) {
	dir, err := os.MkdirTemp("", "bot-bottle-bench-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var rows []row
	for _, part := range []struct {
		name string
		run  func() ([]row, error)
	}{
		{"append", func() ([]row, error) { return appends(dir, rounds) }},
		{"list", func() ([]row, error) { return lists(bottle, source, dir, 2*rounds) }},
		{"verbs", func() ([]row, error) { return verbs(program{bottle, dir + "/verbs"}, rounds) }},
		{"sessions", func() ([]row, error) { return sessions(program{bottle, dir + "/sessions"}, rounds) }},
		{"machines", func() ([]row, error) { return machines(bottle, dir, rounds/2) }},
	} {
		if !strings.Contains(only, part.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", part.name)
		more, err := part.run()
		if err != nil {
			return false, fmt.Errorf("%s: %w", part.name, err)
		}
		rows = append(rows, more...)
	}
	fmt.Printf("%s/%s, %d CPUs, %s, medians of interleaved runs\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	return print(os.Stdout, rows)
}
