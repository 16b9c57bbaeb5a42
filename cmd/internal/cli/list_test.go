package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// seed fills a home with n bottles, every third of which runs, without any
// engine.
func seed(t testing.TB, home string, n int) {
	t.Helper()
	ctx := context.Background()
	log, err := events.Open(ctx, events.Options{Home: home, Projector: projections.NewTables(),
		Origin: events.Origin{Command: "start", User: "tester", Host: "here", PID: 1, Build: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	err = log.Update(ctx, func(tx *events.Tx) error {
		for i := range n {
			id := fmt.Sprintf("01890a5d-ac96-774b-bcce-%012x", i)
			slug := fmt.Sprintf("bottle-%d", i)
			ps := []events.Payload{
				&events.BottleCreated{Source: "start", Slug: slug, Agent: "claude", Backend: "docker", Endpoint: "fake:///nowhere",
					BackendSource: "flag", InstanceName: "bot-bottle-" + slug,
					Spec:    events.Spec{Image: "busybox", Network: "full", Labels: map[string]string{"n": fmt.Sprint(i % 10), "team": "blue"}},
					Private: events.Private{Cwd: "/", Argv: []string{"claude"}, Workspace: events.Workspace{Mode: "none"}}},
				&events.ActionRequested{Action: "start", Generation: 1, Nonce: "n"},
			}
			if i%3 == 0 {
				ps = append(ps, &events.InstanceCreated{Generation: 1, InstanceName: "bot-bottle-" + slug, InstanceID: id, Nonce: "n", Session: "engine"},
					&events.BottleStarted{Generation: 1, Action: "start"})
			} else {
				ps = append(ps, &events.ActionFailed{Action: "start", Code: "internal", Reason: "a test"})
			}
			if _, err := tx.Append(ctx, id, 0, ps...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run plays one command line in this process.
func run(t testing.TB, home string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	code = cli.Main(context.Background(), args, inProcess(home, &out, &talk))
	return code, out.String(), talk.String()
}

func inProcess(home string, out, talk *bytes.Buffer) cli.Env {
	return cli.Env{
		Stdin: bytes.NewReader(nil), Stdout: out, Stderr: talk,
		Getenv: func(name string) (string, bool) {
			v, ok := map[string]string{"HOME": filepath.Dir(home), "BOT_BOTTLE_HOME": home}[name]
			return v, ok
		},
		Cwd: "/", Now: time.Now, NewID: func() string { return "id" }, Nonce: func() string { return "nonce" },
		Backends: backends.NewRegistry(fake.Kind("docker"), fake.Kind("smolmachines")),
		Build:    cli.Build{Version: "test"}, At: func(string) {},
	}
}

func TestListOfAThousand(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	seed(t, home, 1000)
	code, out, talk := run(t, home, "list", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, talk)
	}
	var doc struct {
		Schema  int
		Seq     int64
		Bottles []struct {
			ID, Slug, State string
			Labels          map[string]string
			CreatedAt       time.Time `json:"created_at"`
			ExitCode        *int      `json:"exit_code"`
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != 1 || doc.Seq != 334*4+666*3 || len(doc.Bottles) != 1000 {
		t.Fatalf("schema %d, seq %d, %d bottles", doc.Schema, doc.Seq, len(doc.Bottles))
	}
	first := doc.Bottles[0]
	if first.Slug != "bottle-999" || first.State != "running" || first.Labels["team"] != "blue" || first.CreatedAt.IsZero() {
		t.Errorf("first is %+v", first)
	}
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"list", "-q"}, 1000},
		{[]string{"list", "-q", "--state", "running"}, 334},
		{[]string{"list", "-q", "--label", "n=3"}, 100},
		{[]string{"list", "-q", "--label", "n=3", "--label", "team=blue", "--state", "failed"}, 66},
		{[]string{"list", "-q", "--label", "nobody"}, 0},
		{[]string{"list", "-q", "--backend", "smolmachines"}, 0},
		{[]string{"list", "-o", "jsonl"}, 1000},
		{[]string{"list"}, 1001},
	} {
		code, out, talk := run(t, home, c.args...)
		if lines := bytes.Count([]byte(out), []byte("\n")); code != 0 || lines != c.want {
			t.Errorf("%q: exit %d, %d lines, want %d; %s", c.args, code, lines, c.want, talk)
		}
	}
}

// BenchmarkList is the whole command but for the start of the process: with
// 0 bottles it is the grammar and the opening, so that the difference of the
// two is reading and rendering.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{0, 10, 1000} {
		home := os.Getenv("SEED_HOME")
		if home == "" {
			home = filepath.Join(b.TempDir(), "home")
		} else {
			home = fmt.Sprintf("%s-%d", home, n)
		}
		seed(b, home, n)
		for _, format := range []string{"table", "json"} {
			b.Run(fmt.Sprintf("%d/%s", n, format), func(b *testing.B) {
				for b.Loop() {
					if code, _, talk := run(b, home, "list", "-o", format); code != 0 {
						b.Fatal(talk)
					}
				}
			})
		}
	}
}

// BenchmarkRender prints 1,000 bottles that were read already.
func BenchmarkRender(b *testing.B) {
	rows := make([]projections.Row, 1000)
	now := time.Now()
	for i := range rows {
		code := i % 3
		rows[i] = projections.Row{ID: fmt.Sprintf("01890a5d-ac96-774b-bcce-%012x", i), Slug: fmt.Sprintf("claude-repository-%d", i), Agent: "claude",
			Backend: "docker", Endpoint: "unix:///var/run/docker.sock", BackendSource: "detected", InstanceName: fmt.Sprintf("bot-bottle-claude-repository-%d", i),
			InstanceID: fmt.Sprintf("%064x", i), Generation: 1, State: projections.Stopped, Reason: "crashed", ExitCode: &code,
			LabelsJSON: `{"team":"blue","ticket":"1234"}`, Image: "registry.example/agents/claude:latest", CreatedAt: now, UpdatedAt: now, Version: 9}
	}
	for _, format := range []string{"table", "wide", "json", "name"} {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				cli.RenderList(rows, format, io.Discard)
			}
		})
	}
}
