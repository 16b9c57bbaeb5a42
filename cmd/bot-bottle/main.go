// Command bot-bottle runs AI coding agents in isolated bottles and never
// loses track of one.
package main

import (
	"context"
	"os"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

func main() {
	ctx, stop := cli.WithSignals(context.Background())
	code := cli.Main(ctx, os.Args[1:], cli.OSEnv())
	stop()
	cli.Exit(code)
}
