package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// program is the built bot-bottle with a home of its own.
type program struct{ path, home string }

// run runs it once; what it prints is thrown away unless it fails.
func (p program) run(args ...string) error { return runQuietly(p.command(args...)) }

func (p program) command(args ...string) *exec.Cmd {
	c := exec.Command(p.path, args...)
	c.Env = append(os.Environ(), "BOT_BOTTLE_HOME="+p.home)
	return c
}

func runQuietly(c *exec.Cmd) error {
	var said limited
	c.Stderr = &said
	if err := c.Run(); err != nil {
		return fmt.Errorf("%v: %w: %s", c.Args[1:], err, said.text)
	}
	return nil
}

// limited keeps the first words of an error.
type limited struct{ text []byte }

func (l *limited) Write(p []byte) (int, error) {
	if room := 2000 - len(l.text); room > 0 {
		l.text = append(l.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// listQuery is what list asks of its table.
const listQuery = `SELECT * FROM bottles WHERE state <> 'removed' ORDER BY created_seq`

// lists measures the whole process of list over homes of several sizes.
func lists(bottle, source, dir string, rounds int) ([]row, error) {
	imports, err := foreignImports(source)
	if err != nil {
		return nil, err
	}
	nothing, err1 := buildPeer(source, dir, "noop", noop)
	peer, err2 := buildPeer(source, dir, "reader", fmt.Sprintf(reader, imports))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var rows []row
	for _, size := range []struct {
		bottles  int
		overNoop float64
		overPeer float64 // 0: no bar
	}{{10, 5, 1.3}, {1000, 8, 0}} {
		home := filepath.Join(dir, fmt.Sprintf("home-%d", size.bottles))
		if err := fill(home, size.bottles); err != nil {
			return nil, fmt.Errorf("fill a home with %d bottles: %w", size.bottles, err)
		}
		p := program{bottle, home}
		took, err := interleave(rounds,
			side{"list", timed(func() error { return p.run("list") })},
			side{"no-op", timed(func() error { return runQuietly(exec.Command(nothing)) })},
			side{"same imports", timed(func() error {
				return runQuietly(exec.Command(peer, filepath.Join(home, events.FileName), listQuery))
			})})
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("list of %d", size.bottles)
		rows = append(rows, atMost(what, "no-op Go program", took[0], took[1], size.overNoop))
		if size.overPeer > 0 {
			rows = append(rows, atMost(what, "same imports and query", took[0], took[2], size.overPeer))
		}
	}
	return rows, nil
}
