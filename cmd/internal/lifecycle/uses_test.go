package lifecycle_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// uses are the verbs that leave a bottle in the state it has, unless its
// agent ends meanwhile.
var uses = []act{
	{name: "exec", up: running, want: projections.Running, do: func(w *world, id string) error {
		_, err := w.Exec(ctx, id, lifecycle.ExecRequest{Argv: []string{"true"}})
		return err
	}},
	{name: "attach", up: asking, want: projections.Stopped, do: func(w *world, id string) error {
		_, err := w.Attach(ctx, id, lifecycle.Foreground{Streams: backends.Streams{In: strings.NewReader("\n")}})
		return err
	}},
	{name: "wait for a removal", up: over, want: projections.Removed, do: func(w *world, id string) error {
		soon, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		return w.Wait(soon, id, "removed")
	}},
	{name: "logs", up: running, want: projections.Running, do: func(w *world, id string) error {
		return w.Logs(ctx, id, lifecycle.LogsRequest{LogOptions: backends.LogOptions{Tail: -1}, Stdout: io.Discard, Stderr: io.Discard})
	}},
	{name: "cp into a bottle", up: running, want: projections.Running, do: func(w *world, id string) error {
		file := filepath.Join(w.env["HOME"], "file")
		must(w.t, os.WriteFile(file, []byte("hello\n"), 0o644))
		return w.CopyIn(ctx, id, file, "/tmp")
	}},
	{name: "cp out of a bottle", up: running, want: projections.Running, do: func(w *world, id string) error {
		return w.CopyOut(ctx, id, "/etc", filepath.Join(w.env["HOME"], "copy"))
	}},
	{name: "list --check --size", up: running, want: projections.Running, do: func(w *world, id string) error {
		drift := w.Check(ctx, w.all())[id]
		_, failed := w.Sizes(ctx, w.all())
		return errors.Join(append(failed, drift.Err)...)
	}},
	{name: "rename", up: running, want: projections.Running, do: func(w *world, id string) error {
		_, err := w.Rename(ctx, id, "renamed")
		return err
	}},
	{name: "label", up: running, want: projections.Running, do: func(w *world, id string) error {
		_, err := w.Label(ctx, id, map[string]string{"k": "v"}, nil)
		return err
	}},
	{name: "protect", up: running, want: projections.Running, do: func(w *world, id string) error {
		_, err := w.Protect(ctx, id, true)
		return err
	}},
}

// asking makes a bottle whose agent ends once something is typed.
func asking(w *world) string {
	w.t.Helper()
	r := request("made", "sh", "-c", "read line; exit 3")
	r.Stdin = true
	return w.start(r).ID
}

// over makes a bottle that is to be removed, since its agent has ended.
func over(w *world) string {
	w.t.Helper()
	r := request("made", "true")
	r.Rm = true
	b := w.start(r)
	be := w.open()
	defer be.Close()
	_, err := be.Wait(ctx, backends.Ref{Name: b.InstanceName, ID: b.Instance.InstanceID, Foreign: true})
	must(w.t, err)
	return b.ID
}
