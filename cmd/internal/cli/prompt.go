package cli

import (
	"context"
	"fmt"
	"strings"
)

// ask puts a question that only yes answers. --yes answers it; without a
// terminal on both ends, or with --no-input, the answer is no and nothing is
// shown: a hidden prompt hangs a script for ever.
func (c *call) ask(ctx context.Context, question string) (bool, error) {
	if c.Yes {
		return true, nil
	}
	if c.NoInput || !isTerminal(c.env.Stdin) || !isTerminal(c.env.Stderr) {
		return false, nil
	}
	c.progress.end()
	fmt.Fprintf(c.env.Stderr, "%s [y/N] ", safe(question))
	line, err := c.readLine(ctx)
	if err != nil {
		fmt.Fprintln(c.env.Stderr)
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

// readLine reads one line byte by byte, so that what follows stays for
// whoever reads next. A cancelled context leaves the reader behind: the
// process is about to end.
func (c *call) readLine(ctx context.Context) (string, error) {
	line := make(chan string, 1)
	go func() {
		var b []byte
		one := make([]byte, 1)
		for len(b) < 1024 {
			n, err := c.env.Stdin.Read(one)
			if n == 1 && one[0] != '\n' {
				b = append(b, one[0])
			}
			if err != nil || n == 1 && one[0] == '\n' {
				break
			}
		}
		line <- string(b)
	}()
	select {
	case s := <-line:
		return s, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
