// Command image makes a small image for the demo and takes it away again.
//
//	image archive NAME:TAG OUT.tar   writes what `docker save` would, without
//	                                 an engine, a registry or a network
//	image rm NAME:TAG                removes the name from the engine, and the
//	                                 image with its last name
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "archive":
		err = archive(args[1], args[2])
	case len(args) == 2 && args[0] == "rm":
		err = remove(args[1])
	default:
		fmt.Fprintln(os.Stderr, "usage: image archive NAME:TAG OUT.tar | image rm NAME:TAG")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}
