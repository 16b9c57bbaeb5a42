package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// lives is how many bottles one measured run takes through a life.
const lives = 20

// appends measures how fast a life's events are appended, one append after
// the other, each on disk before the next. The other one knows no tables that
// change with the log: it is measured storing events only, as it does, and
// with a row of state kept beside them in a transaction of its own, which is
// what its users are left to do.
func appends(dir string, rounds int) (rows []row, err error) {
	ctx := context.Background()
	whole, err1 := openLog(ctx, filepath.Join(dir, "append"), projections.NewTables())
	bare, err2 := openLog(ctx, filepath.Join(dir, "append-bare"), nil)
	store, err3 := openOther(filepath.Join(dir, "other.db"))
	keeper, err4 := openOther(filepath.Join(dir, "other-rows.db"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, whole.Close(), bare.Close(), store.close(), keeper.close()) }()
	n := 0
	many := func(one func(slug string) error) func() (time.Duration, error) {
		return timed(func() error {
			for range lives {
				n++
				if err := one(fmt.Sprintf("bench-%d", n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	took, err := interleave(rounds,
		side{"ours", many(func(slug string) error { return live(ctx, whole, slug) })},
		side{"ours without tables", many(func(slug string) error { return live(ctx, bare, slug) })},
		side{"theirs", many(func(slug string) error { return store.live(slug, false) })},
		side{"theirs with a row", many(func(slug string) error { return keeper.live(slug, true) })})
	if err != nil {
		return nil, err
	}
	for i := range took {
		took[i] /= time.Duration(lives * len(life("", "")))
	}
	const name = "hallgren/eventsourcing"
	return []row{
		fasterBy("append, log alone", name, took[1], took[2], 1.15),
		// No bar: where a write to the disk costs next to nothing this is how
		// long the work takes, and of that we do more than keep one row.
		fasterBy("append, log and tables", name+" and a row", took[0], took[3], 0),
		fasterBy("append, log and tables", name+" alone", took[0], took[2], 0),
	}, nil
}

func openLog(ctx context.Context, home string, tables events.Projector) (*events.Log, error) {
	log, err := events.Open(ctx, events.Options{Home: home, Projector: tables, Origin: origin})
	if err != nil {
		return nil, fmt.Errorf("open our log: %w", err)
	}
	return log, nil
}

// live takes one bottle through a life in our log.
func live(ctx context.Context, log *events.Log, slug string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	version := int64(0)
	for _, step := range life(id.String(), slug) {
		err := log.Update(ctx, func(tx *events.Tx) error {
			appended, err := tx.Append(ctx, id.String(), version, step...)
			version += int64(len(appended))
			return err
		})
		if err != nil {
			return fmt.Errorf("append to our log: %w", err)
		}
	}
	return nil
}

// fill makes a home with running bottles, as their events would.
func fill(home string, bottles int) (err error) {
	ctx := context.Background()
	log, err := openLog(ctx, home, projections.NewTables())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	for n := range bottles {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		version := int64(0)
		err = log.Update(ctx, func(tx *events.Tx) error {
			for _, step := range life(id.String(), fmt.Sprintf("claude-repo-%d", n))[:3] {
				appended, err := tx.Append(ctx, id.String(), version, step...)
				version += int64(len(appended))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// origin is what every event says of the process that appended it.
var origin = events.Origin{Command: "start", User: "agent", UID: 1000, TTY: "/dev/pts/3", Host: "workstation",
	MachineID: "0f9d3d1f0c0a4c0f8f3a5f6f7d1b2c3d", BootID: "3b6d4c0e-6a51-4a3f-9a39-0d6cbf6a0d11", PID: 4242, ProcessStart: 123456, Build: "v0.1.0"}

// life is what the log says of a bottle from start to stop: one append a
// step. The first one makes the bottle and claims its start.
func life(id, slug string) [][]events.Payload {
	code := 0
	return [][]events.Payload{
		{&events.BottleCreated{Source: "start", Slug: slug, Agent: "claude", Backend: "docker", Endpoint: "unix:///var/run/docker.sock",
			BackendSource: "detected", InstanceName: "bot-bottle-" + slug,
			Spec: events.Spec{Image: "registry.example/agents/claude:latest", Pull: "missing", Network: "full", TTY: true, Interactive: true,
				Limits: events.Limits{CPUs: 2, Memory: 2 << 30, Pids: 4096}, Labels: map[string]string{"team": "core", "ticket": "4"}},
			Private: events.Private{Cwd: "/home/agent/src/repo", Argv: []string{"claude", "--dangerously-skip-permissions"}, Workdir: "/home/agent/src/repo",
				Env:       []events.EnvVar{{Name: "ANTHROPIC_API_KEY", Source: "environment"}},
				Workspace: events.Workspace{Mode: "bind", Source: "/home/agent/src/repo", Target: "/home/agent/src/repo"}}},
			&events.ActionRequested{Action: events.ActionStart, Generation: 1, Nonce: "9f86d081884c7d659a2feaa0c55ad015"}},
		{&events.InstanceCreated{Generation: 1, InstanceName: "bot-bottle-" + slug, InstanceID: "5f3c" + id, Nonce: "9f86d081884c7d659a2feaa0c55ad015",
			ImageID: "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", Runtime: "runc",
			EngineID: "2TCD:5456:MC3F:TJ7U:AC5Y:R2KQ:QR6G:ZS6M:QQY4:2ZIL:T5WC:A5P2", BackendVersion: "20.10.24", Session: "engine"}},
		{&events.BottleStarted{Generation: 1, Action: events.ActionStart}},
		{&events.ActionRequested{Action: events.ActionStop, Generation: 1, GraceMS: 10_000}},
		{&events.BottleStopped{Generation: 1, Reason: events.ReasonUser, ExitCode: &code}},
	}
}

// encode writes a payload as ours does; the part that ours stores apart stands
// beside the rest.
func encode(p events.Payload) ([]byte, error) {
	data, private, err := events.Encode(p)
	if err != nil || private == nil {
		return data, err
	}
	return slices.Concat([]byte(`{"data":`), data, []byte(`,"private":`), private, []byte(`}`)), nil
}
