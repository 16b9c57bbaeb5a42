// Command bot-bottle-guest runs inside an instance; see package guest.
package main

import (
	"os"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/inside"
)

func main() {
	os.Exit(inside.Main(os.Args[1:], inside.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
