// Package smolmachines holds instances as micro-VMs of smolvm
// (github.com/smol-machines/smolvm), driven through its command line.
//
// It is the only package that knows that program. An endpoint is the folder
// that holds all state of smolvm, the data root, so that it means the same
// tomorrow: Resolve reads the environment, Open does not. Which program is
// run is decided at every call, since an endpoint outlives its upgrades.
//
// The main process of a machine is always the guest program of backends/guest
// on a read-only mount. It runs what the spec says and records how that ended,
// which smolvm does not tell: a machine goes on when its main process is over.
package smolmachines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

// Name is the word for this backend in flags, config and events.
const Name = "smolmachines"

// EnvDataDir names the data root in the environment, as smolvm itself reads
// it; without it the root is the user's home.
const EnvDataDir = "SMOLVM_DATA_DIR"

// longestRoot is how long the path of a data root may be, so that the path of
// a machine's sockets below it stays within the 108 bytes of unix(7).
const longestRoot = 107 - len("/.cache/smolvm/vms/0123456789abcdef/control.sock")

// ours is the folder below a data root that is bot-bottle's own.
var ours = filepath.Join(".local", "share", "bot-bottle")

// startTime bounds what smolvm bounds itself: two tries of a boot that makes
// progress every 30 seconds, and what a first start does besides.
const startTime = 5 * time.Minute

// Kind is the smolmachines backend for the registry.
func Kind() backends.Kind {
	return backends.Kind{
		Name:      Name,
		Resolve:   Resolve,
		Open:      func(ep string) (backends.Backend, error) { return Open(ep) },
		Supports:  Supports,
		StartTime: startTime,
	}
}

// Backend drives the smolvm of one data root. Methods may be called side by
// side, and other processes may do the same.
type Backend struct {
	root   string
	getenv func(string) string
	images *images.Store

	mu      sync.Mutex
	checked map[string]program // what a program was found to be, by its path
	known   map[string]known   // machines, by name
}

var _ backends.Backend = (*Backend)(nil)

var errRoot = errors.New("want the absolute path of a folder")

// Resolve turns what the user or the environment names into a data root.
func Resolve(asked string, getenv func(string) string) (string, error) {
	root := asked
	if root == "" {
		root = getenv(EnvDataDir)
	}
	if root == "" {
		root = getenv("HOME")
	}
	if root == "" {
		return "", fmt.Errorf("%s: neither %s nor HOME says where smolvm keeps its machines", Name, EnvDataDir)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("%s: data root %q: %w", Name, root, err)
	}
	return abs, checkRoot(abs)
}

func checkRoot(root string) error {
	switch {
	case !filepath.IsAbs(root) || filepath.Clean(root) != root || strings.ContainsAny(root, "\x00\n:"):
		return fmt.Errorf("%s: data root %q: %w", Name, root, errRoot)
	case len(root) > longestRoot:
		return fmt.Errorf("%s: data root %q: its path is longer than %d bytes, and the sockets of machines would not fit below it", Name, root, longestRoot)
	}
	return nil
}

// Open makes a backend for a recorded data root. It runs no program.
func Open(root string) (*Backend, error) {
	if err := checkRoot(root); err != nil {
		return nil, &backends.Unavailable{Backend: Name, Endpoint: root, Why: "the recorded endpoint cannot be read", Err: err}
	}
	return &Backend{
		root: root, getenv: os.Getenv, checked: map[string]program{}, known: map[string]known{},
		images: images.Open(filepath.Join(root, ours, "images"), os.Getenv),
	}, nil
}

// Close lets go of nothing: every call is a process of its own.
func (b *Backend) Close() error { return nil }

// own is a path below the folder of our own.
func (b *Backend) own(elem ...string) string {
	return filepath.Join(append([]string{b.root, ours}, elem...)...)
}

func (b *Backend) unavailable(why, hint string, err error) *backends.Unavailable {
	return &backends.Unavailable{Backend: Name, Endpoint: b.root, Why: why, Hint: hint, Err: err}
}
