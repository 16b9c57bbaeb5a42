package projections_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// ordinary is a life as most are: started, attached to, stopped, resumed.
func ordinary(slug string) []events.Payload {
	code := 0
	return []events.Payload{
		&events.BottleCreated{
			Source: "start", Slug: slug, Agent: "claude", Backend: "docker", Endpoint: "unix:///var/run/docker.sock",
			BackendSource: "flag", InstanceName: "bot-bottle-" + slug,
			Spec: events.Spec{Image: "registry.example/agents/claude:latest", Pull: "missing", Network: "full", TTY: true, Limits: events.Limits{Pids: 4096}, Labels: map[string]string{"team": "core"}},
			Private: events.Private{Cwd: "/home/u/src", Argv: []string{"claude", "--continue"}, Workdir: "/home/u/src",
				Env: []events.EnvVar{{Name: "TOKEN", Source: "environment"}}, Workspace: events.Workspace{Mode: "bind", Source: "/home/u/src", Target: "/home/u/src"}},
		},
		&events.ActionRequested{Action: "start", Generation: 1, Nonce: "0123456789abcdef"},
		&events.InstanceCreated{Generation: 1, InstanceName: "bot-bottle-" + slug, InstanceID: fmt.Sprintf("%064x", len(slug)), Nonce: "0123456789abcdef", ImageID: fmt.Sprintf("sha256:%064x", 7), Session: "engine"},
		&events.BottleStarted{Generation: 1, Action: "start"},
		&events.SessionAttached{},
		&events.ActionRequested{Action: "stop", Generation: 1, GraceMS: 10_000},
		&events.BottleStopped{Generation: 1, Reason: "user", ExitCode: &code},
		&events.ActionRequested{Action: "resume", Generation: 1},
		&events.BottleStarted{Generation: 1, Action: "resume"},
		&events.SessionAttached{},
	}
}

func BenchmarkFold(b *testing.B) {
	var steps []step
	for range 100 {
		steps = append(steps, step{stream: "x", expect: int64(10 * len(steps)), events: ordinary("x")})
	}
	log := stored(b, steps[:1])
	// What follows the first life goes on with all but its creation.
	for i := 1; i < 100; i++ {
		for _, e := range log[1:10] {
			e.Version, e.Seq = int64(len(log))+1, int64(len(log))+1
			log = append(log, e)
		}
	}
	b.ResetTimer()
	for range b.N {
		if _, err := projections.Fold(log); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(log)*b.N)/b.Elapsed().Seconds(), "events/s")
}

func benchHome(b *testing.B, bottles int) *home {
	h := open(b, b.TempDir())
	b.Cleanup(func() { h.close(b) })
	h.update(b, func(ctx context.Context, tx *events.Tx) error {
		for i := range bottles {
			if _, err := tx.Append(ctx, fmt.Sprintf("01890a5d-ac96-774b-bcce-%012x", i), 0, ordinary(fmt.Sprintf("claude-repo-%d", i))...); err != nil {
				return err
			}
		}
		return nil
	})
	b.ResetTimer()
	return h
}

func BenchmarkList10(b *testing.B)   { benchmarkList(b, 10, projections.Query{}) }
func BenchmarkList1000(b *testing.B) { benchmarkList(b, 1000, projections.Query{}) }

// BenchmarkList1000Some reads what a table of bottles shows.
func BenchmarkList1000Some(b *testing.B) {
	benchmarkList(b, 1000, projections.Query{Columns: []string{"slug", "state", "pending", "reason", "failure", "exit_code", "observed", "agent", "backend", "image", "created_at", "updated_at"}})
}

func benchmarkList(b *testing.B, bottles int, q projections.Query) {
	h := benchHome(b, bottles)
	h.view(b, func(ctx context.Context, v *events.View) error {
		for range b.N {
			rows, err := projections.List(ctx, v, q)
			if err != nil || len(rows) != bottles {
				b.Fatal(len(rows), err)
			}
		}
		return nil
	})
}

func BenchmarkLookup1000(b *testing.B) {
	h := benchHome(b, 1000)
	for name, word := range map[string]string{"slug": "claude-repo-500", "prefix": "01890a5d-ac96-774b-bcce-0000000003e"} {
		b.Run(name, func(b *testing.B) {
			h.view(b, func(ctx context.Context, v *events.View) error {
				for range b.N {
					if _, err := projections.Lookup(ctx, v, word, false); err != nil && word[0] == 'c' {
						b.Fatal(err)
					}
				}
				return nil
			})
		})
	}
}

// BenchmarkAppendProject appends one event a transaction to a bottle whose
// history is long, on disk and in sync. Without the memory of folded bottles
// each would read the whole history.
func BenchmarkAppendProject(b *testing.B) {
	h := benchHome(b, 1)
	const id = "01890a5d-ac96-774b-bcce-000000000000"
	for i := range 100 {
		h.append(b, id, int64(10+10*i), ordinary("x")[1:]...)
		h.append(b, id, int64(19+10*i), &events.InputSent{Bytes: 1})
	}
	b.ResetTimer()
	for range b.N {
		h.update(b, func(ctx context.Context, tx *events.Tx) error {
			v, err := h.tables.Load(ctx, tx, id)
			if err != nil {
				return err
			}
			_, err = tx.Append(ctx, id, v.Version, &events.InputSent{Bytes: 1})
			return err
		})
	}
}

// BenchmarkProject is what the tables add to an append, without the disk.
func BenchmarkProject(b *testing.B) {
	h := benchHome(b, 1)
	const id = "01890a5d-ac96-774b-bcce-000000000000"
	h.update(b, func(ctx context.Context, tx *events.Tx) error {
		e, err := tx.Append(ctx, id, 10, &events.InputSent{Bytes: 1})
		if err != nil {
			return err
		}
		b.ResetTimer()
		for range b.N {
			e[0].Version++
			e[0].Seq++
			if err := h.tables.Project(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkRebuild measures the whole of it, and how long it keeps a writer
// beside it waiting at worst.
func BenchmarkRebuild(b *testing.B) {
	for _, bottles := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(bottles), func(b *testing.B) {
			h := benchHome(b, bottles)
			other := open(b, h.dir)
			defer other.close(b)
			stop, worst := make(chan struct{}), make(chan time.Duration)
			go func() {
				var longest time.Duration
				for v := int64(10); ; v++ {
					select {
					case <-stop:
						worst <- longest
						return
					default:
					}
					began := time.Now()
					other.append(b, "01890a5d-ac96-774b-bcce-000000000000", v, &events.InputSent{Bytes: 1})
					longest = max(longest, time.Since(began))
				}
			}()
			b.ResetTimer()
			for range b.N {
				if _, err := h.tables.RebuildLog(context.Background(), h.log); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			close(stop)
			b.ReportMetric(float64((<-worst).Microseconds())/1000, "ms-wait")
		})
	}
}
