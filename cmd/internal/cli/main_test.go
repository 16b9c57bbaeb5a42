package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

func TestMain(m *testing.M) {
	fake.Main()       // the test binary serves as the fake engine's supervisor
	fakesmolvm.Main() // and as a fake of smolvm
	testscript.Main(m, map[string]func(){"bot-bottle": program, realProgram: asReleased})
}

// program is bot-bottle with the fake engine under the names of the real
// ones, so that whole command lines can be played without either.
func program() {
	env := cli.OSEnv()
	env.Backends = backends.NewRegistry(fake.Kind("docker"), fake.MachineKind("smolmachines"))
	env.SystemConfig = os.Getenv("TEST_SYSTEM_CONFIG")
	env.Build = cli.Build{Version: "v0", Commit: "c0", Go: "go0"}
	env.At = func(step string) {
		if step == os.Getenv("TEST_PANIC_AT") {
			panic("at " + step)
		}
	}
	cli.Exit(cli.Main(context.Background(), os.Args[1:], env))
}

// realProgram names bot-bottle as it is released, with the real engines.
const realProgram = "bot-bottle-as-released"

func asReleased() {
	cli.Exit(cli.Main(context.Background(), os.Args[1:], cli.OSEnv()))
}

func TestScripts(t *testing.T) {
	t.Parallel()
	if err := fake.Usable(); err != nil {
		t.Skip(err)
	}
	golden, err := filepath.Abs("testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		ContinueOnError:    true,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			engine := filepath.Join(e.WorkDir, "engine")
			e.Setenv("HOME", filepath.Join(e.WorkDir, "user"))
			e.Setenv("BOT_BOTTLE_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("BOT_BOTTLE_FAKE", engine)
			e.Setenv("TEST_SYSTEM_CONFIG", filepath.Join(e.WorkDir, "etc.yaml"))
			e.Setenv("TZ", "UTC")
			e.Setenv("GOLDEN", golden)
			e.Defer(func() { endAll(engine) })
			return errors.Join(os.MkdirAll(filepath.Join(e.WorkDir, "user"), 0o700), os.Mkdir(engine, 0o700))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"golden":  compareGolden,
			"fault":   fault,
			"behind":  behind,
			"newer":   newer,
			"homeid":  homeID,
			"pending": pending,
		},
	})
}

// exits runs a command and checks its exit code: exits CODE CMD ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if got = exit.ExitCode(); got < 0 {
			ts.Fatalf("ended by %s", exit)
		}
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// What differs from run to run, and its place-holder.
var varying = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3})?Z?`), "TIME"},
	{regexp.MustCompile(`"pid":\d+`), `"pid":1`},
	{regexp.MustCompile(`"process_start":\d+`), `"process_start":1`},
	{regexp.MustCompile(`"host":"[^"]*"`), `"host":"HOST"`},
	{regexp.MustCompile(`"(machine_id|boot_id)":"[^"]*"`), `"$1":"ID"`},
	{regexp.MustCompile(`"(tty|sudo_user|ssh_peer)":"[^"]*"`), `"$1":null`},
	{regexp.MustCompile(`"instance_id":"[^"]*"`), `"instance_id":"INSTANCE"`},
	{regexp.MustCompile(`sha256:[0-9a-f]{8,64}`), "sha256:HASH"},
	{regexp.MustCompile(`\([0-9a-f]{12}\)`), "(ID)"},
	{regexp.MustCompile(`\b([0-9a-f]{32}|[0-9a-f]{64})\b`), "HASH"},
}

// compareGolden compares stdout or stderr with a file of testdata/golden,
// after taking out what differs from run to run: golden stdout FILE. An object
// is laid out for reading first. UPDATE_GOLDEN=1 writes the files anew.
func compareGolden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: golden stdout|stderr FILE")
	}
	got := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	for _, v := range varying {
		got = v.re.ReplaceAllString(got, v.by)
	}
	var laid bytes.Buffer
	if json.Indent(&laid, []byte(got), "", "  ") == nil {
		got = laid.String()
	}
	path := filepath.Join(ts.Getenv("GOLDEN"), args[1])
	if os.Getenv("UPDATE_GOLDEN") != "" {
		ts.Check(os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	ts.Check(err)
	if got != string(want) {
		ts.Fatalf("%s is\n%s\nwant\n%s", args[0], got, want)
	}
}

// fault plans what goes wrong in the engine: fault none, fault unreachable,
// fault engine ID, fault POINT ERROR, fault POINT hang.
func fault(ts *testscript.TestScript, neg bool, args []string) {
	var f fake.Faults
	switch {
	case len(args) == 1 && args[0] == "none":
	case len(args) == 1 && args[0] == "unreachable":
		f.Unreachable = "nobody listens"
	case len(args) == 2 && args[0] == "engine":
		f.EngineID = args[1]
	case len(args) == 2 && args[1] == "hang":
		f.Faults = []fake.Fault{{Point: args[0], Hang: true}}
	case len(args) == 2 && args[1] == "kill":
		f.Faults = []fake.Fault{{Point: args[0], Kill: true, Times: 1}}
	case len(args) == 2:
		f.Faults = []fake.Fault{{Point: args[0], Error: args[1]}}
	default:
		ts.Fatalf("usage: fault POINT ERROR")
	}
	ts.Check(fake.SetFaults(ts.Getenv("BOT_BOTTLE_FAKE"), f))
}

// behind does something behind our back: behind delete|stop|start|pause NAME.
func behind(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: behind VERB INSTANCE")
	}
	e := fake.At(ts.Getenv("BOT_BOTTLE_FAKE"))
	do := map[string]func(string) error{"delete": e.Delete, "stop": e.Stop, "start": e.Start, "pause": e.Pause, "unpause": e.Unpause}
	switch f := do[args[0]]; {
	case f != nil:
		ts.Check(f(args[1]))
	case args[0] == "make":
		labels := map[string]string{}
		for _, kv := range args[2:] {
			k, v, _ := strings.Cut(kv, "=")
			labels[k] = v
		}
		_, err := e.Make(args[1], labels)
		ts.Check(err)
	default:
		ts.Fatalf("behind: no verb %q", args[0])
	}
}

// newer makes the log of a home look as if a newer program had written it.
func newer(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0])+"/log.db")
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec("PRAGMA user_version = 1000")
	ts.Check(err)
}

// homeID puts the id of a home into $ID: homeid HOME.
func homeID(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("ID", strings.TrimSpace(ts.ReadFile(args[0]+"/home-id")))
}

// pending waits until an action on a bottle is under way: pending BOTTLE.
func pending(ts *testscript.TestScript, neg bool, args []string) {
	for range 400 {
		ts.Check(ts.Exec("bot-bottle", "show", args[0], "-o", "json"))
		if !strings.Contains(ts.ReadFile("stdout"), `"pending":null`) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("nothing is under way on %s", args[0])
}

// endAll ends the instances that a script left running.
func endAll(engine string) {
	b, err := fake.Kind("docker").Open(fake.Endpoint(engine))
	if err != nil {
		return
	}
	defer b.Close()
	_ = fake.SetFaults(engine, fake.Faults{})
	all, err := b.List(context.Background(), "")
	if err != nil {
		fmt.Fprintln(os.Stderr, "end the instances of a script:", err)
		return
	}
	for _, o := range all {
		_ = b.Remove(context.Background(), backends.Ref{Name: o.Name, ID: o.ID, Labels: o.Labels})
	}
}
