package fake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Engine is an engine in its folder, seen without a backend. Its exported
// methods are what people and other programs do behind a backend's back.
//
//	engine.json          who it is
//	faults.json          what is to go wrong
//	lock                 held while a name is given away
//	images/              images that were pulled or loaded, and the tree of all
//	networks/HOME        one file a network
//	instances/ID/        one folder an instance, see record
type Engine struct{ dir string }

// At is the engine in a folder. The folder must exist: an engine whose folder
// is gone does not answer.
func At(dir string) *Engine { return &Engine{dir} }

// Dir is the engine's folder.
func (e *Engine) Dir() string { return e.dir }

// record is what the engine keeps of an instance: instance.json in its
// folder. Besides, the folder holds
//
//	root/      its files
//	log        what it printed
//	run.lock   held by the supervisor while it lives
//	op.lock    held while it is started or removed
//	exit.json  how a run ended, written by the supervisor
//	paused     there while it is paused
//	powered    there from the start of a machine until it is stopped
//	s          the supervisor's socket
//	wait-*     sockets of clients that attach to the next run
type record struct {
	ID, Name string
	Labels   map[string]string
	Spec     backends.InstanceSpec
	Machine  bool // of a MachineKind: Spec.Env is not kept, and it lingers
	Run      int  // how often it was started
	Started  time.Time
}

// session is how it is attached to; a machine has no attach of its engine's.
func (r *record) session() string {
	if r.Machine {
		return "holder/1"
	}
	return "engine"
}

// exit is how a run ended. Failed says that the main process never was.
type exit struct {
	Run    int
	Code   int
	Failed bool
	Detail string
	Ended  time.Time
}

func (e *Engine) path(elem ...string) string {
	return filepath.Join(append([]string{e.dir}, elem...)...)
}

func (e *Engine) instance(id string, elem ...string) string {
	return e.path(append([]string{"instances", id}, elem...)...)
}

var idForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, says its documentation
	return hex.EncodeToString(b[:])
}

// id is who the engine is; the first question makes it up.
func (e *Engine) id(ctx context.Context) (string, error) {
	var who struct{ ID string }
	err := readJSON(e.path("engine.json"), &who)
	if errors.Is(err, fs.ErrNotExist) {
		unlock, lerr := lock(ctx, e.path("lock"))
		if lerr != nil {
			return "", lerr
		}
		defer unlock()
		if err = readJSON(e.path("engine.json"), &who); errors.Is(err, fs.ErrNotExist) {
			who.ID = newID()
			err = writeJSON(e.path("engine.json"), who)
		}
	}
	return who.ID, err
}

// load reads one instance; nil when there is none with that id.
func (e *Engine) load(id string) (*record, error) {
	if !idForm.MatchString(id) {
		return nil, nil
	}
	var r record
	err := readJSON(e.instance(id, "instance.json"), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &r, err
}

// all reads every instance, by name.
func (e *Engine) all() ([]*record, error) {
	entries, err := os.ReadDir(e.path("instances"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []*record
	for _, entry := range entries {
		r, err := e.load(entry.Name())
		if err != nil {
			return nil, err
		}
		if r != nil { // else it went meanwhile
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *record) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// named finds an instance by its name; nil when there is none.
func (e *Engine) named(name string) (*record, error) {
	all, err := e.all()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(r *record) bool { return r.Name == name }); i >= 0 {
		return all[i], nil
	}
	return nil, nil
}

func (e *Engine) save(r *record) error { return writeJSON(e.instance(r.ID, "instance.json"), r) }

// owner reads the labels as bot-bottle writes them.
func (r *record) owner() backends.Labels { return backends.LabelsOf(r.Labels) }

// runs says whether the supervisor of an instance lives: it holds run.lock.
// The question takes the lock shared, so that questions do not answer one
// another.
func (e *Engine) runs(id string) (bool, error) {
	l := flock.New(e.instance(id, "run.lock"), flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask whether %s runs: %w", id, err)
	}
	return !free, l.Close()
}

// ended waits until the supervisor of an instance is gone.
func (e *Engine) ended(ctx context.Context, id string) error {
	for {
		runs, err := e.runs(id)
		if err != nil || !runs {
			return err
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// lock takes a lock that other processes take too.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	l := flock.New(path, flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 2*time.Millisecond); err != nil {
		l.Close()
		return nil, err
	}
	return func() { l.Close() }, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file at once: readers see the old or the new one.
func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + "." + newID()
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}
