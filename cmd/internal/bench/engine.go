package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// agent ends as soon as it is told to: what is measured is not its grace.
var agent = []string{"/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do /busybox sleep 3600 & wait $!; done"}

// imageName is the image that the benchmarks make, use and remove.
const imageName = "bot-bottle-bench:busybox"

// bare drives the engine as directly as can be: one client for one verb, as a
// process would have it.
func bare(do func(context.Context, *client.Client) error) func() error {
	return func() (err error) {
		c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
		if err != nil {
			return fmt.Errorf("docker client: %w", err)
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		return do(context.Background(), c)
	}
}

// importImage makes the image out of the machine's static busybox.
func importImage(ctx context.Context, c *client.Client) error {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("find busybox: %w", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "busybox", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	if _, err := w.Write(program); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	said, err := c.ImageImport(ctx, image.ImportSource{Source: &layer, SourceName: "-"}, imageName, image.ImportOptions{})
	if err != nil {
		return fmt.Errorf("import the image: %w", err)
	}
	_, err = io.Copy(io.Discard, said)
	return errors.Join(err, said.Close())
}

func removeImage() error {
	return bare(func(ctx context.Context, c *client.Client) error {
		_, err := c.ImageRemove(ctx, imageName, image.RemoveOptions{})
		return err
	})()
}

// twin is a container with everything that bot-bottle gave one of its own.
type twin struct {
	config  *container.Config
	host    *container.HostConfig
	network *network.NetworkingConfig
}

// twinOf reads how bot-bottle's container was made, so that the bare calls
// make the very same.
func twinOf(ctx context.Context, c *client.Client, name string) (twin, error) {
	i, err := c.ContainerInspect(ctx, name)
	if err != nil {
		return twin{}, fmt.Errorf("inspect %s: %w", name, err)
	}
	nets := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
	for name := range i.NetworkSettings.Networks {
		nets.EndpointsConfig[name] = &network.EndpointSettings{}
	}
	i.Config.Hostname = "" // its own id
	return twin{i.Config, i.HostConfig, nets}, nil
}

// start makes and starts a twin.
func (t twin) start(name string) func() error {
	return bare(func(ctx context.Context, c *client.Client) error {
		if _, err := c.ImageInspect(ctx, imageName); err != nil {
			return fmt.Errorf("inspect the image: %w", err)
		}
		made, err := c.ContainerCreate(ctx, t.config, t.host, t.network, nil, name)
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		return c.ContainerStart(ctx, made.ID, container.StartOptions{})
	})
}

// stop ends it as stop does: a signal, the grace, the end.
func (t twin) stop(name string) func() error {
	return bare(func(ctx context.Context, c *client.Client) error {
		grace := 10
		return c.ContainerStop(ctx, name, container.StopOptions{Timeout: &grace})
	})
}

func (t twin) resume(name string) func() error {
	return bare(func(ctx context.Context, c *client.Client) error {
		return c.ContainerStart(ctx, name, container.StartOptions{})
	})
}

func (t twin) remove(name string) func() error {
	return bare(func(ctx context.Context, c *client.Client) error {
		return c.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
}

// verbs measures start, stop and resume of whole bot-bottle processes against
// the bare calls. Both sides go through whole lives, side by side.
func verbs(p program, rounds int) (rows []row, err error) {
	if err := bare(importImage)(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeImage()) }()
	argv := append([]string{"start", "-d", "--backend", "docker", "--image", imageName, "--pull", "never"}, "--name")
	if err := p.run(append(append(argv, "bench-model", "--"), agent...)...); err != nil {
		return nil, err
	}
	const slug, name = "bench-bottle", "bench-bare"
	var t twin
	defer func() {
		if err != nil { // in the middle of a life
			_, _ = p.run("rm", "--force", slug), t.remove(name)()
		}
		err = errors.Join(err, p.run("rm", "--force", "bench-model"), p.run("cleanup", "--yes"))
	}()

	if err := bare(func(ctx context.Context, c *client.Client) (err error) {
		t, err = twinOf(ctx, c, "bot-bottle-bench-model")
		return err
	})(); err != nil {
		return nil, err
	}

	within := func(what string, ours, theirs time.Duration) row {
		return overBy(what, "bare engine calls", ours, theirs, 15*time.Millisecond, 5)
	}
	start := step{"start -d", func() error { return p.run(append(append(argv, slug, "--"), agent...)...) }, t.start(name), true}
	stop := step{"stop", func() error { return p.run("stop", slug) }, t.stop(name), true}
	resume := step{"resume -d", func() error { return p.run("resume", "-d", slug) }, t.resume(name), true}
	rm := step{"rm --force", func() error { return p.run("rm", "--force", slug) }, t.remove(name), false}
	if rows, err = compare(rounds, within, []step{start, stop, resume, rm}); err != nil {
		return nil, err
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		return rows, nil // the engine's own program is a package of its own
	}
	// What any program pays that has to be started: the engine's own, which
	// keeps no books.
	own := func(args ...string) func() error {
		return func() error { return runQuietly(exec.Command(docker, args...)) }
	}
	start.counts, stop.theirs, resume.theirs = false, own("stop", name), own("start", name)
	more, err := compare(rounds/2, func(what string, ours, theirs time.Duration) row {
		return atMost(what, "docker's own program", ours, theirs, 1.1)
	}, []step{start, stop, resume, rm})
	return append(rows, more...), err
}
