package projections_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// eventful is a home with a bottle that has a value in every column, one
// beside it, and a removed one that left something behind.
func eventful(t *testing.T) *home {
	t.Helper()
	h := newHome(t)
	h.append(t, "plain", 0, &events.BottleCreated{Slug: "plain", InstanceName: "p"})
	code := 3
	h.append(t, "full", 0,
		&events.BottleCreated{Slug: "full", Agent: "claude", Backend: "docker", Endpoint: "unix:///d", BackendSource: "flag", InstanceName: "f",
			IdempotencyKey: "k", Spec: events.Spec{Image: "busybox", Labels: map[string]string{"a": "b"}}},
		&events.InstanceCreated{Generation: 1, InstanceName: "f", InstanceID: "5f3c"},
		&events.BottleStarted{Generation: 1},
		&events.BottleObserved{Status: "paused"},
		&events.AgentExited{ExitCode: &code},
		&events.ActionFailed{Action: "stop", Code: "timeout"},
		&events.ResourceCreated{Kind: "network", Ref: "n"},
		&events.ActionRequested{Action: "stop"})
	h.append(t, "gone", 0, &events.BottleCreated{Slug: "gone", InstanceName: "g"}, &events.ResourceCreated{Kind: "volume", Ref: "v"}, &events.BottleRemoved{})
	h.append(t, "home", 0, &events.LogRestored{})
	h.sound(t)
	return h
}

func (h *home) exec(t require, statements ...string) {
	t.Helper()
	h.update(t, func(ctx context.Context, tx *events.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	})
}

// mended rebuilds in both ways after a damage, and wants the old tables back.
func (h *home) mended(t *testing.T, damage []string, want []projections.Row) {
	t.Helper()
	for name, rebuild := range map[string]func() error{
		"beside": func() error { _, err := h.tables.RebuildLog(context.Background(), h.log); return err },
		"within": func() error {
			return h.log.Update(context.Background(), func(tx *events.Tx) error { return h.tables.Rebuild(context.Background(), tx) })
		},
	} {
		h.exec(t, damage...)
		if err := rebuild(); err != nil {
			t.Fatalf("rebuild %s: %v", name, err)
		}
		h.sound(t)
		if got := h.list(t, projections.Query{All: true}); !reflect.DeepEqual(got, want) {
			t.Fatalf("rebuilt %s\n%+v\nbefore\n%+v", name, got, want)
		}
	}
}

func TestCheckFindsEveryTampering(t *testing.T) {
	h := eventful(t)
	want := h.list(t, projections.Query{All: true})
	var fields []string
	h.view(t, func(ctx context.Context, v *events.View) error {
		rows, err := v.Query(ctx, `SELECT * FROM bottles`)
		if err != nil {
			return err
		}
		defer rows.Close()
		fields, err = rows.Columns()
		return err
	})
	if len(fields) < 25 {
		t.Fatalf("columns %v", fields)
	}
	type tampering struct{ sql, found string }
	var all []tampering
	for _, f := range fields {
		row := "bottle full (full): bottles " + f
		switch f {
		case "id":
			all = append(all, tampering{`UPDATE bottles SET id = 'other' WHERE id = 'full'`, "bottle full (other): bottles row; bottle full (full): bottles row"})
		case "created_seq", "generation", "exit_code", "protected", "created_at", "updated_at", "started_at", "version", "seq":
			all = append(all, tampering{`UPDATE bottles SET ` + f + ` = ` + f + ` + 100 WHERE id = 'full'`, row})
		default:
			all = append(all, tampering{`UPDATE bottles SET ` + f + ` = coalesce(` + f + `, '') || 'x' WHERE id = 'full'`, row})
		}
		if slices.Contains(strings.Fields("instance_id pending failure exit_code observed idempotency_key started_at"), f) {
			all = append(all, tampering{`UPDATE bottles SET ` + f + ` = NULL WHERE id = 'full'`, row})
		}
	}
	all = append(all,
		tampering{`UPDATE bottles SET reason = 'user' WHERE id = 'plain'`, "bottle plain (plain): bottles reason"},
		tampering{`DELETE FROM bottles WHERE id = 'plain'`, "bottle plain (plain): bottles row"},
		tampering{`DELETE FROM bottles`, "bottle plain (plain): bottles row; bottle full (full): bottles row; bottle gone (gone): bottles row"},
		tampering{`UPDATE bottles SET state = 'running' WHERE id = 'gone'`, "bottle gone (gone): bottles state"},
		tampering{`UPDATE resources SET bottle = 'plain' WHERE bottle = 'full'`, "bottle plain (plain): resources row; bottle full (full): resources row"},
		tampering{`UPDATE resources SET bottle = 'nobody' WHERE bottle = 'full'`, "bottle  (nobody): resources row; bottle full (full): resources row"},
		tampering{`UPDATE resources SET kind = 'clone' WHERE bottle = 'full'`, "bottle full (full): resources row; bottle full (full): resources row"},
		tampering{`UPDATE resources SET ref = 'm' WHERE bottle = 'full'`, "bottle full (full): resources row; bottle full (full): resources row"},
		tampering{`DELETE FROM resources WHERE bottle = 'gone'`, "bottle gone (gone): resources row"},
		tampering{`UPDATE projection SET name = 'other'`, "projection row"},
		tampering{`UPDATE projection SET revision = 0`, "projection revision"},
		tampering{`UPDATE projection SET seq = seq - 1`, "projection seq"},
		tampering{`DELETE FROM projection`, "projection row"},
		tampering{`DROP TABLE bottles`, "bottles schema; bottles_instance schema; bottles_key schema; bottles_live schema; bottles_slug schema"},
		tampering{`DROP TABLE resources`, "resources schema"},
		tampering{`DROP TABLE projection`, "projection schema"},
		tampering{`DROP INDEX bottles_slug`, "bottles_slug schema"},
		tampering{`DROP INDEX bottles_live`, "bottles_live schema"},
		tampering{`ALTER TABLE bottles ADD COLUMN extra TEXT`, "bottles schema"},
		tampering{`ALTER TABLE bottles DROP COLUMN image`, "bottles schema"},
		tampering{`ALTER TABLE resources RENAME TO elsewhere`, "resources schema"},
		tampering{`CREATE TRIGGER evil AFTER INSERT ON bottles BEGIN DELETE FROM bottles; END`, "evil schema"},
		tampering{`CREATE INDEX slow ON bottles (agent)`, "slow schema"},
	)
	for i, c := range all {
		if fewer > 1 && i%4 > 0 {
			continue // each rebuilds; see race_test.go
		}
		t.Run(c.sql, func(t *testing.T) {
			h.exec(t, c.sql)
			version := h.schemaVersion(t)
			r := h.check(t)
			var found []string
			least := int64(0)
			for _, d := range r.Differences {
				found = append(found, strings.SplitN(d.String(), ": the log says", 2)[0])
				if d.Log == d.Tables {
					t.Errorf("both say %s", d.Log)
				}
				if d.Seq > 0 && (least == 0 || d.Seq < least) {
					least = d.Seq
				}
			}
			if got := strings.Join(found, "; "); got != c.found {
				t.Errorf("found %q, want %q", got, c.found)
			}
			if r.FirstBadSeq != least || r.Events != 13 {
				t.Errorf("first bad %d of %d, want %d of 13", r.FirstBadSeq, r.Events, least)
			}
			if again := h.check(t); !reflect.DeepEqual(again, r) || h.schemaVersion(t) != version {
				t.Errorf("looking changed it: %v", again)
			}
			if _, err := h.tables.RebuildLog(context.Background(), h.log); err != nil {
				t.Fatal(err)
			}
			h.sound(t)
			if got := h.list(t, projections.Query{All: true}); !reflect.DeepEqual(got, want) {
				t.Fatalf("rebuilt\n%+v\nbefore\n%+v", got, want)
			}
			h.exec(t, `DROP TABLE IF EXISTS elsewhere`)
		})
	}
	t.Logf("%d tamperings", len(all))
}

func (h *home) schemaVersion(t require) (n int) {
	t.Helper()
	h.view(t, func(ctx context.Context, v *events.View) error {
		return v.QueryRow(ctx, "PRAGMA schema_version").Scan(&n)
	})
	return n
}

// TestRebuildMends puts the tables into states that no check should trip over.
func TestRebuildMends(t *testing.T) {
	for name, damage := range map[string][]string{
		"nothing at all": nil,
		"all dropped":    {`DROP TABLE bottles`, `DROP TABLE resources`, `DROP TABLE projection`},
		"a view instead": {`DROP TABLE bottles`, `CREATE VIEW bottles AS SELECT 1 AS id`},
		"another table":  {`DROP TABLE bottles`, `CREATE TABLE bottles (x)`, `CREATE INDEX bottles_slug ON bottles (x)`},
		"a half rebuild": {`CREATE TABLE bottles_fresh (x)`, `CREATE TABLE resources_fresh (x)`},
		"names swapped":  {`DROP INDEX bottles_key`, `CREATE TABLE bottles_key (x)`},
		"all emptied":    {`DELETE FROM bottles`, `DELETE FROM resources`, `DELETE FROM projection`},
		"all the same":   {`UPDATE bottles SET agent = 'x', updated_at = 0, seq = 1`},
	} {
		t.Run(name, func(t *testing.T) {
			h := eventful(t)
			h.mended(t, damage, h.list(t, projections.Query{All: true}))
			h.append(t, "full", 8, &events.BottleStopped{Reason: "user"})
			h.append(t, "new", 0, &events.BottleCreated{Slug: "new", InstanceName: "n"})
			h.sound(t)
		})
	}
}

// TestDamagedTablesAreSaidToBe asks everything that reads or writes tables.
func TestDamagedTablesAreSaidToBe(t *testing.T) {
	h := eventful(t)
	h.exec(t, `DROP TABLE bottles`)
	ctx := context.Background()
	asked := map[string]error{
		"append": h.log.Update(ctx, func(tx *events.Tx) error {
			_, err := tx.Append(ctx, "plain", 1, &events.BottleProtected{On: true})
			return err
		}),
	}
	h.view(t, func(ctx context.Context, v *events.View) error {
		_, asked["list"] = projections.List(ctx, v, projections.Query{})
		_, asked["lookup"] = projections.Lookup(ctx, v, "full", false)
		_, asked["slugs"] = projections.Slugs(ctx, v)
		_, asked["key"] = projections.ByIdempotencyKey(ctx, v, "k")
		_, asked["leftovers"] = projections.Leftovers(ctx, v)
		asked["name"] = projections.CheckName(ctx, v, "full", "", "", "")
		return nil
	})
	for what, err := range asked {
		var damaged *projections.Damaged
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), "bottles is missing") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestDamagedLogStopsEverything spoils one event in the middle.
func TestDamagedLogStopsEverything(t *testing.T) {
	var malformed *events.Malformed
	var unknown *events.UnknownType
	for name, c := range map[string]struct {
		damage []string
		as     any
	}{
		"data":    {[]string{`UPDATE events SET data = '{"generation":' WHERE seq = 3`}, &malformed},
		"origin":  {[]string{`UPDATE events SET origin = 'x' WHERE seq = 4`}, &malformed},
		"a type":  {[]string{`UPDATE events SET type = 'BottleTeleported' WHERE seq = 4`}, &unknown},
		"a hole":  {[]string{`DELETE FROM events WHERE seq = 5`}, nil},
		"version": {[]string{`UPDATE events SET version = 99 WHERE seq = 9`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := eventful(t)
			before := h.list(t, projections.Query{All: true})
			h.exec(t, append(h.guards(t), c.damage...)...)
			ctx := context.Background()
			errs := map[string]error{
				"rebuild within": h.log.Update(ctx, func(tx *events.Tx) error { return h.tables.Rebuild(ctx, tx) }),
			}
			_, errs["rebuild"] = h.tables.RebuildLog(ctx, h.log)
			h.view(t, func(ctx context.Context, v *events.View) error {
				_, errs["check"] = projections.Check(ctx, v)
				_, errs["fold"] = projections.FoldAll(ctx, v)
				_, errs["one"] = projections.LoadView(ctx, v, "full")
				return nil
			})
			for what, err := range errs {
				switch {
				case err == nil:
					t.Errorf("%s went through", what)
				case c.as != nil && !errors.As(err, c.as):
					t.Errorf("%s: %T: %v", what, err, err)
				}
			}
			if got := h.list(t, projections.Query{All: true}); !reflect.DeepEqual(got, before) {
				t.Errorf("the tables were changed to %+v", got)
			}
		})
	}
}

// guards are the statements that take the log's protection away.
func (h *home) guards(t require) (drop []string) {
	t.Helper()
	h.view(t, func(ctx context.Context, v *events.View) error {
		rows, err := v.Query(ctx, `SELECT name FROM sqlite_master WHERE type = 'trigger'`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			drop = append(drop, `DROP TRIGGER "`+name+`"`)
		}
		return rows.Err()
	})
	return drop
}
