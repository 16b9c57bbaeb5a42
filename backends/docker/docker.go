// Package docker holds instances as containers of any engine that speaks the
// Docker Engine API from version 1.41 (Docker 20.10) up, Podman's socket
// included as far as its API goes.
//
// It is the only package that knows the Docker client. An endpoint is the
// address of an engine with all that is needed to reach it, so that it means
// the same tomorrow: Resolve reads the environment and the Docker config, Open
// reads neither.
package docker

import (
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Name is the word for this backend in flags, config and events.
const Name = "docker"

// minAPI is the oldest version of the engine's API that is spoken, that of
// Docker 20.10.
const minAPI = "1.41"

// pullIdle is how long a pull or a load may be without any progress.
const pullIdle = 60 * time.Second

// Kind is the docker backend for the registry.
func Kind() backends.Kind {
	return backends.Kind{
		Name:     Name,
		Resolve:  Resolve,
		Open:     func(ep string) (backends.Backend, error) { return Open(ep) },
		Supports: Supports,
		KeepsEnv: true,
	}
}

// Supports names the flags that no Docker engine can enforce for this spec.
// Whether the engine at hand enforces the rest is asked of it in Create.
func Supports(spec backends.InstanceSpec) (refused []string) {
	if spec.Disk > 0 {
		// only some storage drivers have a quota, and only when set up for it
		refused = append(refused, "--disk")
	}
	if spec.Network == networkNone && len(spec.Ports) > 0 {
		refused = append(refused, "--publish")
	}
	return refused
}

// Backend drives the engine at one endpoint. Methods may be called side by
// side.
type Backend struct {
	endpoint  endpoint
	transport *transport
	web       *http.Client   // for what the API client cannot: ping and upgrades
	api       *client.Client // usable once spoken is true

	negotiate sync.Mutex
	spoken    atomic.Bool // the API version is agreed on
	podman    atomic.Bool // it is Podman that speaks it

	asking chan struct{}               // holds one token: who has it may ask
	facts  atomic.Pointer[engineFacts] // nil until the engine was asked

	last lastCreation
	seen atomic.Pointer[container.InspectResponse] // see known

	image atomic.Pointer[imageFacts] // the last that was looked at

	// getenv finds the Docker config with the logins, when something is
	// pulled. It never decides which engine is asked.
	getenv func(string) string
	idle   time.Duration
}

var _ backends.Backend = (*Backend)(nil)

// Open makes a backend for a recorded endpoint. It contacts no engine and
// reads no environment.
func Open(recorded string) (*Backend, error) {
	ep, err := parseEndpoint(recorded)
	if err != nil {
		return nil, &backends.Unavailable{Backend: Name, Endpoint: recorded, Why: "the recorded endpoint cannot be read", Err: err}
	}
	t, err := newTransport(ep)
	if err != nil {
		return nil, &backends.Unavailable{Backend: Name, Endpoint: recorded, Why: "the certificates cannot be read", Err: err,
			Hint: "put them back: ca.pem, cert.pem and key.pem in " + ep.certs}
	}
	// The host comes first: it sets up the default transport, proxies of the
	// environment included, which ours replaces. TLS is the transport's
	// business, so that the client sees plain HTTP.
	web := &http.Client{Transport: t, CheckRedirect: client.CheckRedirect}
	api, err := client.NewClientWithOpts(client.WithHost(ep.host()), client.WithHTTPClient(&http.Client{Transport: t, CheckRedirect: client.CheckRedirect}),
		client.WithScheme("http"), client.WithUserAgent("bot-bottle"))
	if err != nil {
		return nil, &backends.Unavailable{Backend: Name, Endpoint: recorded, Why: "the recorded endpoint cannot be used", Err: err}
	}
	return &Backend{endpoint: ep, transport: t, web: web, api: api, getenv: os.Getenv, idle: pullIdle, asking: make(chan struct{}, 1)}, nil
}

// Close lets go of idle connections.
func (b *Backend) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}
