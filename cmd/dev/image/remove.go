package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// remove takes the name off an image in the engine that a new bottle would
// get here by the environment.
func remove(name string) (err error) {
	endpoint, err := docker.Resolve("", os.Getenv)
	if err != nil {
		return err
	}
	c, err := connect(endpoint)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := c.ImageRemove(ctx, name, image.RemoveOptions{}); err != nil {
		return fmt.Errorf("remove the image %s: %w", name, err)
	}
	return nil
}

// connect reads an endpoint as package docker writes it: an address, and after
// a question mark the folder of the certificates.
func connect(endpoint string) (*client.Client, error) {
	options := []client.Opt{client.WithHost(endpoint), client.WithAPIVersionNegotiation()}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	if certs := u.Query().Get("tls"); certs != "" {
		u.RawQuery = ""
		options = []client.Opt{client.WithHost(u.String()), client.WithAPIVersionNegotiation(), client.WithTLSClientConfig(
			filepath.Join(certs, "ca.pem"), filepath.Join(certs, "cert.pem"), filepath.Join(certs, "key.pem"))}
	}
	return client.NewClientWithOpts(options...)
}
