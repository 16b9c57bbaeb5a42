package lifecycle_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

func TestMain(m *testing.M) {
	fake.Main() // the test binary serves as the fake engine's supervisor
	lifecycle.SetLockPatience(time.Second)
	code := m.Run()
	if err := os.RemoveAll(moulds); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// moulds holds what every world begins with, made once: an empty home, since
// migrating one takes longer than most tests, and the files of images.
var moulds = filepath.Join(os.TempDir(), "lifecycle-moulds-"+uuid.NewString())

var mould = sync.OnceValue(func() string {
	opened, err := openLog(filepath.Join(moulds, "home"), projections.NewTables())
	if err == nil {
		err = opened.Close()
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(moulds, "images"), 0o755)
	}
	if err != nil {
		panic(err)
	}
	return moulds
})

// copyHome makes an empty home out of the mould.
func copyHome(t require, home string) {
	t.Helper()
	must(t, os.MkdirAll(home, 0o700))
	for _, name := range []string{events.FileName, "home-id"} {
		b, err := os.ReadFile(filepath.Join(mould(), "home", name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(home, name), b, 0o600))
	}
}

// newEngine makes the folder of a fake engine.
func newEngine(t require, dir string) string {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.Symlink(filepath.Join(mould(), "images"), filepath.Join(dir, "images")))
	return dir
}

// require is what a test and a case of a property have in common.
type require interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
}

// world is one home with a manager and the fake engines it may use.
type world struct {
	*lifecycle.Manager
	t       require
	engine  string // folder of the default fake engine
	repo    string // to clone, where a test made one
	env     map[string]string
	warned  []string
	crashAt atomic.Int64 // panic at the nth step from now; 0 never
	steps   []string
	on      map[string]func() // what happens in between, once, by the step before which it does
}

// crash is what a crashed step panics with.
type crash string

func newWorld(t testing.TB) *world {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	copyHome(t, home)
	return openWorld(t, home, newEngine(t, filepath.Join(t.TempDir(), "engine")))
}

// openWorld opens a home as a process would.
func openWorld(t testing.TB, home, engine string) *world {
	t.Helper()
	w := enter(t, home, engine)
	w.env["HOME"] = t.TempDir()
	t.Cleanup(func() { w.Log.Close() })
	return w
}

func openLog(home string, tables *projections.Tables) (*events.Log, error) {
	origin := events.Origin{Command: "test", User: "tester", Host: "here", MachineID: "machine-1", BootID: "boot-1", PID: os.Getpid(), Build: "test"}
	return events.Open(context.Background(), events.Options{Home: home, Projector: tables, Origin: origin, Now: time.Now})
}

// enter is openWorld for who closes the log himself.
func enter(t require, home, engine string) *world {
	t.Helper()
	w := &world{t: t, engine: engine, env: map[string]string{"BOT_BOTTLE_FAKE": engine}, on: map[string]func(){}}
	tables := projections.NewTables()
	log, err := openLog(home, tables)
	must(t, err)
	w.Manager = &lifecycle.Manager{
		Log: log, Tables: tables, Home: home,
		Backends:      backends.NewRegistry(fake.Kind("fake"), fake.Kind("other"), fake.MachineKind("machine")),
		Now:           time.Now,
		NewID:         func() string { return uuid.Must(uuid.NewV7()).String() },
		Nonce:         uuid.NewString,
		Getenv:        func(k string) (string, bool) { v, ok := w.env[k]; return v, ok },
		MachineID:     "machine-1",
		BootID:        "boot-1",
		EngineTimeout: 10 * time.Second,
		Say: func(n lifecycle.Notice) {
			if n.Level == lifecycle.Warn {
				w.warned = append(w.warned, n.Text)
			}
		},
		At: func(step string) {
			w.steps = append(w.steps, step)
			if do := w.on[step]; do != nil {
				delete(w.on, step)
				do()
			}
			if n := w.crashAt.Load(); n > 0 {
				if w.crashAt.Store(n - 1); n == 1 {
					panic(crash(step))
				}
			}
		},
	}
	return w
}

// dies runs f and says at which step it crashed, "" when it did not.
func (w *world) dies(f func()) (at string) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(crash)
			if !ok {
				panic(r)
			}
			at = string(c)
		}
	}()
	f()
	return ""
}

// sleeper ends at once when it is asked to, and takes no time of the machine.
var sleeper = []string{"sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"}

func request(name string, argv ...string) lifecycle.StartRequest {
	if len(argv) == 0 {
		argv = sleeper
	}
	return lifecycle.StartRequest{Name: name, Image: "busybox", Argv: argv, Cwd: "/", Pull: backends.PullMissing}
}

func (w *world) start(r lifecycle.StartRequest) projections.Bottle {
	w.t.Helper()
	p, err := w.Plan(context.Background(), r)
	if err != nil {
		w.t.Fatalf("plan: %v", err)
	}
	out, err := w.Start(context.Background(), p, nil)
	if err != nil {
		w.t.Fatalf("start: %v", err)
	}
	return out.Bottle
}

// bottle is what the log says now.
func (w *world) bottle(id string) projections.Bottle {
	w.t.Helper()
	var b projections.Bottle
	err := w.Log.View(context.Background(), func(v *events.View) (err error) {
		b, err = projections.LoadView(context.Background(), v, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// all folds every bottle of the log.
func (w *world) all() []projections.Bottle {
	w.t.Helper()
	var out []projections.Bottle
	err := w.Log.View(context.Background(), func(v *events.View) error {
		rows, err := projections.List(context.Background(), v, projections.Query{All: true})
		for _, r := range rows {
			b, err := projections.LoadView(context.Background(), v, r.ID)
			if err != nil {
				return err
			}
			out = append(out, b)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// open opens the fake engine behind the manager's back.
func (w *world) open() backends.Backend {
	w.t.Helper()
	be, err := fake.Kind("fake").Open(fake.Endpoint(w.engine))
	if err != nil {
		w.t.Fatal(err)
	}
	return be
}
