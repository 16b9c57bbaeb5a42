package events_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// require is what helpers need of a test, a benchmark or a property.
type require interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// id makes the id of a bottle out of a number.
func id(n int) string { return fmt.Sprintf("01890a5d-0000-7000-8000-%012x", n) }

// clock ticks a second at each look.
func clock() func() time.Time {
	at := time.UnixMilli(1_763_000_000_000)
	return func() time.Time { at = at.Add(time.Second); return at }
}

var origin = events.Origin{Command: "test", User: "u<&>", UID: 1000, Host: "h", MachineID: "m", BootID: "b", PID: 42, Build: "dev", Reason: `because "so"`}

// counter is a projector that counts the events of each stream, enough to see
// whether it is in step with the log.
type counter struct {
	revision int
	rebuilds int
	fail     error
}

func (c *counter) Revision() int { return c.revision }

func (c *counter) Project(ctx context.Context, tx *events.Tx, appended []events.Event) error {
	if c.fail != nil {
		return c.fail
	}
	for _, e := range appended {
		if _, err := tx.Exec(ctx, `INSERT INTO projection (name, revision, seq) VALUES (?, ?, 1)
			ON CONFLICT (name) DO UPDATE SET seq = seq + 1`, e.Stream, c.revision); err != nil {
			return err
		}
	}
	return nil
}

func (c *counter) Rebuild(ctx context.Context, tx *events.Tx) error {
	c.rebuilds++
	if c.fail != nil {
		return c.fail
	}
	if _, err := tx.Exec(ctx, `DELETE FROM projection`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO projection (name, revision, seq) SELECT bottle_id, ?, count(*) FROM events GROUP BY 1`, c.revision)
	return err
}

// options are for a home of a test.
func options(home string) events.Options {
	return events.Options{Home: home, Projector: &counter{revision: 1}, Origin: origin, Now: clock()}
}

func open(t require, o events.Options) *events.Log {
	t.Helper()
	l, err := events.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newLog opens an empty log in a home of its own, and closes it after the test.
func newLog(t testing.TB) *events.Log {
	t.Helper()
	l := open(t, options(copyOf(t, "empty")))
	t.Cleanup(func() { closed(t, l) })
	return l
}

// newHome makes a home with four events of two streams in it, closed.
func newHome(t testing.TB) string {
	t.Helper()
	return copyOf(t, "four events")
}

func closed(t require, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func created(slug string) *events.BottleCreated {
	return &events.BottleCreated{Source: "start", Slug: slug, Agent: "claude", Backend: "fake", Endpoint: "/e", BackendSource: "flag",
		InstanceName: "bot-bottle-" + slug, Spec: events.Spec{Image: "busybox", Network: "full"},
		Private: events.Private{Cwd: "/w", Argv: []string{"claude", "<&>", "ü\u2028"}, Workspace: events.Workspace{Mode: "none"}}}
}

func tryAppend(l *events.Log, stream string, expected int64, ps ...events.Payload) (out []events.Event, err error) {
	err = l.Update(context.Background(), func(tx *events.Tx) error {
		out, err = tx.Append(context.Background(), stream, expected, ps...)
		return err
	})
	return out, err
}

func appendTo(t require, l *events.Log, stream string, expected int64, ps ...events.Payload) []events.Event {
	t.Helper()
	out, err := tryAppend(l, stream, expected, ps...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// viewer is a log or a reader.
type viewer interface {
	View(context.Context, func(*events.View) error) error
}

// scan reads what a filter selects.
func scan(t require, l viewer, f events.Filter) []events.Event {
	t.Helper()
	var out []events.Event
	if err := tryScan(l, f, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func tryScan(l viewer, f events.Filter, out *[]events.Event) error {
	ctx := context.Background()
	return l.View(ctx, func(v *events.View) error {
		return v.Scan(ctx, f, func(e events.Event) error { *out = append(*out, e); return nil })
	})
}

// inStep fails when what the counter counted is not what the log holds.
func inStep(t require, l viewer) {
	t.Helper()
	ctx := context.Background()
	err := l.View(ctx, func(v *events.View) error {
		var wrong int
		err := v.QueryRow(ctx, `SELECT count(*) FROM (SELECT bottle_id AS name, count(*) AS n FROM events GROUP BY 1)
			LEFT JOIN projection USING (name) WHERE n IS NOT seq`).Scan(&wrong)
		if err == nil && wrong != 0 {
			err = fmt.Errorf("%d streams are not in step with the log", wrong)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// another opens the file as some other program would: with no setting of ours.
func another(t testing.TB, home string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.Join(home, events.FileName), RawQuery: "_busy_timeout=1000"}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
