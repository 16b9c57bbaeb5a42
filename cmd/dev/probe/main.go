// Command probe says whether a Docker engine answers: the one that a new
// bottle would get here by the environment. It prints the engine and exits 0,
// or says why not and exits 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

func main() {
	found, err := probe(10 * time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
	fmt.Println(found)
}

func probe(patience time.Duration) (found string, err error) {
	kind := docker.Kind()
	endpoint, err := kind.Resolve("", os.Getenv)
	if err != nil {
		return "", err
	}
	b, err := kind.Open(endpoint)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := b.Probe(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s at %s", e.Name, e.Version, endpoint), nil
}
