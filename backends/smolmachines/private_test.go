package smolmachines_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
)

// private is the gap of machines that others can reach, if there is one.
func private(t *testing.T, b *smolmachines.Backend) (gap backends.Gap) {
	t.Helper()
	e, err := b.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range e.Missing {
		if g.ID == "smolmachines.private" {
			gap = g
		}
	}
	return gap
}

// TestMachinesOpenToOthersAreTold, and the fix that is told mends it.
func TestMachinesOpenToOthersAreTold(t *testing.T) {
	s := fakeProgram(t)
	s.root += "/it's"
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(s.root), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, home := range []bool{false, true} {
		b := s.open(t)
		if home {
			var err error
			if b, err = smolmachines.OpenWith(s.root, map[string]string{smolmachines.EnvProgram: s.path, "HOME": s.root}); err != nil {
				t.Fatal(err)
			}
		}
		cache := filepath.Join(s.root, ".cache", "smolvm")
		if err := os.RemoveAll(cache); err != nil {
			t.Fatal(err)
		}
		if g := private(t, b); g.ID != "" {
			t.Errorf("told while there is nothing to reach: %+v", g)
		}
		if err := os.MkdirAll(cache, 0o755); err != nil {
			t.Fatal(err)
		}
		g := private(t, b)
		if !strings.HasPrefix(g.Fix, "chmod 700 ") || home == strings.Contains(g.Fix, ".cache") {
			t.Fatalf("home %v: got %+v", home, g)
		}
		if out, err := exec.Command("sh", "-c", g.Fix).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, %s", g.Fix, err, out)
		}
		if g := private(t, b); g.ID != "" {
			t.Errorf("told after %s", g.Fix)
		}
	}
}

// TestTheFirstMachineIsPrivate, whatever smolvm makes of the folders above.
func TestTheFirstMachineIsPrivate(t *testing.T) {
	for name, of := range map[string]func(*testing.T) smolvm{"fake": fakeProgram, "real": realProgram} {
		t.Run(name, func(t *testing.T) {
			s := of(t)
			s.boots = true // nothing is booted
			b, _ := made(t, s)
			if st, err := os.Stat(filepath.Join(s.root, ".cache", "smolvm")); err != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("%v, %v", st, err)
			}
			if g := private(t, b); g.ID != "" {
				t.Errorf("told: %+v", g)
			}
		})
	}
}
