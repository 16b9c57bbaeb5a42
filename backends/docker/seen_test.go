package docker_test

import (
	"errors"
	"testing"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// TestWhatWasSeenMayHaveChanged: a verb looks at an instance once, and what
// somebody does to it after that look is not overlooked.
func TestWhatWasSeenMayHaveChanged(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	ref := made(t, b, e.spec(t, resolved(t, b, e.testImage(t)), idle()...))
	see := func(want backends.Status) {
		t.Helper()
		if o, err := b.Inspect(t.Context(), ref); err != nil || o.Status != want {
			t.Fatalf("Inspect: %s, %v, want %s", o.Status, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.Stop(t.Context(), ref, 0))
	see(backends.StatusStopped)
	must(e.api.ContainerStart(t.Context(), ref.ID, container.StartOptions{}))
	must(b.Stop(t.Context(), ref, 0))
	see(backends.StatusStopped)
	must(e.api.ContainerStart(t.Context(), ref.ID, container.StartOptions{}))
	must(b.Start(t.Context(), ref, nil))
	see(backends.StatusRunning)
	must(b.Stop(t.Context(), ref, 0))
	see(backends.StatusStopped)
	must(e.api.ContainerStart(t.Context(), ref.ID, container.StartOptions{}))
	must(e.api.ContainerPause(t.Context(), ref.ID))
	must(b.Start(t.Context(), ref, nil))
	see(backends.StatusRunning)
	must(e.api.ContainerKill(t.Context(), ref.ID, "KILL"))
	must(b.Start(t.Context(), ref, nil))
	see(backends.StatusRunning)
	must(b.Stop(t.Context(), ref, 0))
	see(backends.StatusStopped)
	must(e.api.ContainerRemove(t.Context(), ref.ID, container.RemoveOptions{Force: true}))
	if err := b.Start(t.Context(), ref, nil); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("Start of what is gone: %v", err)
	}
	must(b.Stop(t.Context(), ref, 0))
	see(backends.StatusGone)
}
