// Command probe says whether a Docker engine answers: the one that a new
// bottle would get by the environment. It prints the engine and exits 0, or
// says why not and exits 1.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/docker/docker/client"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		i, e := c.Info(ctx)
		err = e
		if err == nil {
			fmt.Println(i.ServerVersion, c.DaemonHost())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
