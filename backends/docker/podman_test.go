package docker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// TestPodmanGetsNothingItWouldMisread: what its API for Docker leaves out or
// takes for something else is refused, and nothing is made.
func TestPodmanGetsNothingItWouldMisread(t *testing.T) {
	endpoint := os.Getenv(podmanAt)
	if endpoint == "" {
		t.Skipf("%s names no socket of Podman", podmanAt)
	}
	e := engineAt(t, endpoint)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	for name, spoil := range map[string]func(*backends.InstanceSpec){
		"a runtime": func(s *backends.InstanceSpec) { s.Runtime = "kata" },
		"options in a source": func(s *backends.InstanceSpec) {
			s.Mounts = []backends.Mount{{Source: filepath.Join(t.TempDir(), "a,readonly=false"), Target: "/mnt/x", ReadOnly: true}}
		},
		"options in a target": func(s *backends.InstanceSpec) {
			s.Mounts = []backends.Mount{{Source: t.TempDir(), Target: "/mnt/x,source=/etc", ReadOnly: true}}
		},
	} {
		s := e.spec(t, img, idle()...)
		spoil(&s)
		if _, err := b.Create(t.Context(), s); !errors.Is(err, backends.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if o, err := b.Find(t.Context(), s.Labels, s.Name); err != nil || o.Status != backends.StatusGone {
			t.Errorf("%s: Find says %s, %v", name, o.Status, err)
		}
	}

	s := e.spec(t, img, idle()...)
	s.Network = "full"
	o, err := b.Inspect(t.Context(), made(t, b, s))
	switch {
	case err != nil:
		t.Error(err)
	case o.Network != "full" || strings.Contains(o.Enforced["network"], "without traffic"):
		t.Errorf("its network is %q, enforced %q", o.Network, o.Enforced["network"])
	case !strings.Contains(o.Enforced["capabilities"], "without"):
		t.Errorf("its capabilities are told as %q", o.Enforced["capabilities"])
	}
	archive, id := savedImage(t, "")
	e.removesImage(t, id)
	file := filepath.Join(t.TempDir(), "image.tar.gz")
	if err := os.WriteFile(file, packed(t, archive), 0o600); err != nil {
		t.Fatal(err)
	}
	if img, err := b.ResolveImage(t.Context(), file, backends.PullNever, silent); err != nil || img.ID != id {
		t.Errorf("a packed archive is %+v, %v; want %s", img, err, id)
	}
}
