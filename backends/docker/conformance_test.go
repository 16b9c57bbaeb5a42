package docker_test

import (
	"context"
	"os"
	"sync"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/backendtest"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// TestConformance holds the backend to the contract on the engine at hand.
func TestConformance(t *testing.T) { conforms(t, theEngine(t), nil) }

// podmanAt names a socket of Podman's to run the same contract on, e.g. of
// `podman system service --time=0 unix:///tmp/p.sock`.
const podmanAt = "BOT_BOTTLE_TEST_PODMAN"

func TestConformanceOnPodman(t *testing.T) {
	endpoint := os.Getenv(podmanAt)
	if endpoint == "" {
		t.Skipf("%s names no socket of Podman", podmanAt)
	}
	conforms(t, engineAt(t, endpoint), map[backendtest.Capability]string{
		backendtest.MountSources: "Podman looks for the source of a mount when it starts",
	})
}

func conforms(t *testing.T, e engineFor, without map[backendtest.Capability]string) {
	archive, _ := e.savedFile(t, "")
	strangers := e.testImage(t)
	used := e.homes(t)
	backendtest.Run(t, backendtest.Harness{
		Open:    func(t *testing.T) backends.Backend { return tidied{e.open(t), used} },
		Image:   e.testImage(t, `CMD ["sleep", "3600"]`),
		NoEntry: e.testImage(t),
		Archive: archive,
		Without: without,
		Dead: map[string]func(*testing.T) backends.Backend{
			"absent":  func(t *testing.T) backends.Backend { return openAt(t, absentSocket(t)) },
			"hanging": func(t *testing.T) backends.Backend { return openAt(t, hangingSocket(t)) },
			"rubbish": func(t *testing.T) backends.Backend { return openAt(t, rubbishSocket(t, "220 mail ready\r\n")) },
		},
		Behind: backendtest.Behind{
			Make: func(t *testing.T, name string, labels map[string]string) string {
				t.Helper()
				made, err := e.api.ContainerCreate(t.Context(), &container.Config{Image: strangers, Cmd: idle(), Labels: labels}, nil, nil, nil, name)
				if err != nil {
					t.Fatalf("make %s: %v", name, err)
				}
				t.Cleanup(func() { e.delete(t, made.ID) })
				return made.ID
			},
			ID: func(t *testing.T, name string) string {
				t.Helper()
				c, err := e.api.ContainerInspect(t.Context(), name)
				if cerrdefs.IsNotFound(err) {
					return ""
				}
				if err != nil {
					t.Fatalf("id of %s: %v", name, err)
				}
				return c.ID
			},
			Delete: e.delete,
			Stop: func(t *testing.T, name string) {
				t.Helper()
				if err := e.api.ContainerKill(t.Context(), name, "KILL"); err != nil {
					t.Fatalf("stop %s: %v", name, err)
				}
				wait(t, e, name)
			},
			Start: func(t *testing.T, name string) {
				t.Helper()
				if err := e.api.ContainerStart(t.Context(), name, container.StartOptions{}); err != nil {
					t.Fatalf("start %s: %v", name, err)
				}
			},
			Pause: func(t *testing.T, name string) {
				t.Helper()
				if err := e.api.ContainerPause(t.Context(), name); err != nil {
					t.Fatalf("pause %s: %v", name, err)
				}
			},
			Unpause: func(t *testing.T, name string) {
				t.Helper()
				if err := e.api.ContainerUnpause(t.Context(), name); err != nil {
					t.Fatalf("unpause %s: %v", name, err)
				}
			},
			Rename: func(t *testing.T, name, to string) {
				t.Helper()
				if err := e.api.ContainerRename(t.Context(), name, to); err != nil {
					t.Fatalf("rename %s: %v", name, err)
				}
			},
		},
	})
}

// tidied notes the homes that bottles are made in: each owns a volume with the
// guest program from then on.
type tidied struct {
	*docker.Backend
	used *sync.Map
}

func (b tidied) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	b.used.Store(s.Labels.Home, nil)
	return b.Backend.Create(ctx, s)
}

// homes are released when the test ends.
func (e engineFor) homes(t *testing.T) *sync.Map {
	var used sync.Map
	t.Cleanup(func() {
		used.Range(func(home, _ any) bool {
			e.release(t, home.(string))
			return true
		})
	})
	return &used
}

func wait(t *testing.T, e engineFor, name string) {
	t.Helper()
	done, failed := e.api.ContainerWait(t.Context(), name, container.WaitConditionNotRunning)
	select {
	case <-done:
	case err := <-failed:
		t.Fatalf("wait for %s: %v", name, err)
	}
}
