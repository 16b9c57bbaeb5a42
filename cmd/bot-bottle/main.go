// Command bot-bottle runs AI coding agents in isolated bottles and never
// loses track of one.
package main

import (
	"context"
	"os"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

func main() {
	if code, acted := guest.Act(os.Args, os.Stdin, os.Stdout, os.Stderr); acted {
		os.Exit(code)
	}
	cli.Exit(cli.Main(context.Background(), os.Args[1:], cli.OSEnv()))
}
