package lifecycle_test

import (
	"context"
	"io"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// act is a verb that crashes and faults are tried in.
type act struct {
	name string
	up   func(w *world) string // makes what the verb acts on; returns the bottle's id, "" when the verb makes it
	do   func(w *world, id string) error
	want projections.State // of the bottle once the verb says that it is done; "" is not looked at
	// then is what the user does after recover to get what he wanted; nil is
	// nothing.
	then func(w *world, id string) error
}

var ctx = context.Background()

// acts are in the files that carry the names of the variables.
var acts = append(append(append([]act(nil), lives...), repairs...), uses...)

// lives are the verbs that take a bottle from one state to the next.
var lives = []act{
	{name: "start", up: nothing, want: projections.Running, do: func(w *world, _ string) error {
		return w.launch(request("made"), nil)
	}},
	{name: "start --clone", up: nothing, want: projections.Running, do: func(w *world, _ string) error {
		return w.launch(cloning(w), nil)
	}},
	{name: "start in the foreground", up: nothing, want: projections.Stopped, do: func(w *world, _ string) error {
		return w.launch(request("made", "sh", "-c", "exit 3"), &lifecycle.Foreground{})
	}},
	{name: "start --rm in the foreground", up: nothing, want: projections.Removed, do: func(w *world, _ string) error {
		r := request("made", "true")
		r.Rm = true
		return w.launch(r, &lifecycle.Foreground{Streams: backends.Streams{Out: io.Discard, Err: io.Discard}})
	}},
	{name: "stop", up: running, want: projections.Stopped, do: func(w *world, id string) error {
		return w.Stop(ctx, id, lifecycle.StopRequest{})
	}},
	{name: "resume", up: stopped, want: projections.Running, do: func(w *world, id string) error {
		return w.resume(id, lifecycle.ResumeRequest{})
	}},
	{name: "resume in the foreground", up: brief, want: projections.Stopped, do: func(w *world, id string) error {
		return w.resume(id, lifecycle.ResumeRequest{Foreground: &lifecycle.Foreground{}})
	}},
	{name: "resume --new-instance", up: stopped, want: projections.Running, do: func(w *world, id string) error {
		return w.resume(id, lifecycle.ResumeRequest{NewInstance: true})
	}},
	{name: "resume --new-instance of a lost one", up: lost, want: projections.Running, do: func(w *world, id string) error {
		return w.resume(id, lifecycle.ResumeRequest{NewInstance: true})
	}},
	{name: "restart", up: running, want: projections.Running, do: func(w *world, id string) error {
		return w.Restart(ctx, id, lifecycle.StopRequest{})
	}},
	{name: "rm", up: stopped, want: projections.Removed, do: func(w *world, id string) error {
		return w.Remove(ctx, id, lifecycle.RemoveRequest{Confirm: never})
	}},
	{name: "rm --force", up: running, want: projections.Removed, do: remove},
	{name: "rm of a clone", up: func(w *world) string { return w.start(cloning(w)).ID }, want: projections.Removed, do: remove},
	{name: "rm --forget of a clone", up: func(w *world) string { return w.start(cloning(w)).ID }, want: projections.Removed,
		do: forget, then: func(w *world, id string) error {
			if err := forget(w, id); err != nil {
				return err
			}
			return w.tidy(0)
		}},
}

// repairs are the verbs that put things in order.
var repairs = []act{
	{name: "recover of a start", up: cutAt("start:created", nothing, func(w *world, _ string) error {
		return w.launch(request("made"), nil)
	}), want: projections.Stopped, do: settle},
	{name: "recover of a stop", up: cutAt("stop:stop", running, func(w *world, id string) error {
		return w.Stop(ctx, id, lifecycle.StopRequest{})
	}), want: projections.Stopped, do: settle},
	{name: "recover of a resume", up: cutAt("resume:started", stopped, func(w *world, id string) error {
		return w.resume(id, lifecycle.ResumeRequest{})
	}), want: projections.Running, do: settle},
	{name: "recover of a new instance", up: cutAt("resume:created", stopped, func(w *world, id string) error {
		return w.resume(id, lifecycle.ResumeRequest{NewInstance: true})
	}), want: projections.Stopped, do: settle},
	{name: "recover of a removal", up: cutAt("remove:remove", running, remove), want: projections.Removed, do: settle},
	{name: "recover of an end", up: func(w *world) string {
		id := running(w)
		must(w.t, w.behind().Stop("bot-bottle-made"))
		return id
	}, want: projections.Stopped, do: settle},
	{name: "adopt", up: strayed, do: adopt, then: adopt},
	{name: "import", up: recordLeft, want: projections.Stopped, do: takeRecords, then: takeRecords},
	{name: "cleanup", up: littered, do: tidy, then: tidy},
	{name: "cleanup of a network", up: func(w *world) string {
		must(w.t, remove(w, running(w)))
		return ""
	}, do: tidy, then: tidy},
}
