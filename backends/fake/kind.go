// Package fake is a backend for tests. Its engine is a folder, so that any
// number of processes work on it at once, and its instances are real: a
// supervisor, which is the running program started once more, is the first
// process of namespaces of its own and runs the argv below a root folder with
// a busybox. Faults of every kind can be planned (see [Faults]). It is in no
// release build.
//
// The program that uses it calls [Main] before anything else.
package fake

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// EnvEngine names the variable with the folder of the default engine.
const EnvEngine = "BOT_BOTTLE_FAKE"

const scheme = "fake"

// Kind is a kind of backend whose engines are folders. Its usual name is
// "fake"; tests register it under other names to have fleets.
func Kind(name string) backends.Kind { return kind(name, false) }

// MachineKind is such a kind with the manners of a micro-VM's: its instances
// keep no value of a variable, and when the main process ends by itself what
// it ran in lingers until Stop.
func MachineKind(name string) backends.Kind { return kind(name, true) }

func kind(name string, machine bool) backends.Kind {
	if name == "" {
		name = scheme
	}
	return backends.Kind{
		Name: name,
		Resolve: func(asked string, getenv func(string) string) (string, error) {
			if asked == "" {
				asked = getenv(EnvEngine)
			}
			if asked == "" {
				return "", fmt.Errorf("%s: no endpoint is given and %s is not set", name, EnvEngine)
			}
			if filepath.IsAbs(asked) {
				asked = Endpoint(asked)
			}
			dir, err := folder(asked)
			return Endpoint(dir), err
		},
		Open: func(endpoint string) (backends.Backend, error) {
			dir, err := folder(endpoint)
			if err != nil {
				return nil, &backends.Unavailable{Backend: name, Endpoint: endpoint, Why: "this is no endpoint of it", Err: err}
			}
			return &backend{kind: name, endpoint: endpoint, machine: machine, Engine: At(dir)}, nil
		},
		Supports: func(s backends.InstanceSpec) []string {
			if s.Stay {
				return []string{"--keep-running"}
			}
			return nil
		},
		KeepsEnv: !machine,
	}
}

// Endpoint is the endpoint of the engine in a folder, which must be absolute.
func Endpoint(dir string) string {
	return (&url.URL{Scheme: scheme, Path: filepath.Clean(dir)}).String()
}

// folder is the folder that an endpoint means.
func folder(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint %q: %w", endpoint, err)
	}
	if u.Scheme != scheme || u.Host != "" || !filepath.IsAbs(u.Path) {
		return "", fmt.Errorf("endpoint %q: %w", endpoint, errEndpoint)
	}
	return filepath.Clean(u.Path), nil
}

var errEndpoint = errors.New("want fake:///absolute/folder")
