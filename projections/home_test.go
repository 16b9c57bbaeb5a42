package projections_test

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// home is a log with its tables in a folder of its own.
type home struct {
	dir    string
	log    *events.Log
	tables *projections.Tables
	at     time.Time // the clock: a second passes at each look
}

// open opens a home's log, made when it is missing.
func open(t require, dir string) *home {
	t.Helper()
	h := &home{dir: dir, tables: projections.NewTables(), at: time.UnixMilli(1_763_000_000_000).UTC()}
	log, err := events.Open(context.Background(), events.Options{
		Home: dir, Projector: h.tables,
		Origin: events.Origin{Command: "test", User: "u", Host: "h", MachineID: "m1", BootID: "b1", PID: 42},
		Now:    func() time.Time { h.at = h.at.Add(time.Second); return h.at },
		Salt:   zeros{},
		NewID:  func() string { return "01890a5d-0000-7000-8000-00000000ffff" },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.log = log
	return h
}

// zeros makes salts that do not matter here.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

var _ io.Reader = zeros{}

func (h *home) close(t require) {
	t.Helper()
	if err := h.log.Close(); err != nil {
		t.Fatal(err)
	}
}

// newHome opens an empty home for one test.
func newHome(t testing.TB) *home {
	t.Helper()
	h := open(t, t.TempDir())
	t.Cleanup(func() { h.close(t) })
	return h
}

// caseHome opens an empty home for one case of a property. Its files are a
// copy: migrating anew each time would take most of the test.
func caseHome(t require, template string) *home {
	t.Helper()
	dir, err := os.MkdirTemp(template, "case")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(template + "/" + events.FileName)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+events.FileName, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func (h *home) drop(t require) {
	t.Helper()
	h.close(t)
	if err := os.RemoveAll(h.dir); err != nil {
		t.Fatal(err)
	}
}

// template makes an empty home that cases copy.
func template(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	open(t, dir).close(t)
	return dir
}

func (h *home) append(t require, stream string, expect int64, ps ...events.Payload) {
	t.Helper()
	h.update(t, func(ctx context.Context, tx *events.Tx) error {
		_, err := tx.Append(ctx, stream, expect, ps...)
		return err
	})
}

func (h *home) update(t require, f func(context.Context, *events.Tx) error) {
	t.Helper()
	ctx := context.Background()
	if err := h.log.Update(ctx, func(tx *events.Tx) error { return f(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

func (h *home) view(t require, f func(context.Context, *events.View) error) {
	t.Helper()
	ctx := context.Background()
	if err := h.log.View(ctx, func(v *events.View) error { return f(ctx, v) }); err != nil {
		t.Fatal(err)
	}
}

// list reads the rows from the tables.
func (h *home) list(t require, q projections.Query) (rows []projections.Row) {
	t.Helper()
	h.view(t, func(ctx context.Context, v *events.View) (err error) {
		rows, err = projections.List(ctx, v, q)
		return err
	})
	return rows
}

// check compares the tables with the log.
func (h *home) check(t require) (r projections.Report) {
	t.Helper()
	h.view(t, func(ctx context.Context, v *events.View) (err error) {
		r, err = projections.Check(ctx, v)
		return err
	})
	return r
}

// sound fails when the tables are not what the log makes of them.
func (h *home) sound(t require) {
	t.Helper()
	for _, d := range h.check(t).Differences {
		t.Fatalf("the tables differ: %s", d)
	}
}
