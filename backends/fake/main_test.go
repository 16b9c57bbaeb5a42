package fake_test

import (
	"os"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/backendtest"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

func TestMain(m *testing.M) {
	fake.Main() // the test binary is the supervisor too
	os.Exit(m.Run())
}

// usable skips where no instance can run.
func usable(t *testing.T) {
	t.Helper()
	if err := fake.Usable(); err != nil {
		t.Skip(err)
	}
}

func open(t *testing.T, dir string) backends.Backend {
	t.Helper()
	b, err := fake.Kind("fake").Open(fake.Endpoint(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestConformance(t *testing.T) {
	usable(t)
	dir := t.TempDir()
	e := fake.At(dir)
	do := func(f func(string) error) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			t.Helper()
			if err := f(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := backendtest.Harness{
		Open:    func(t *testing.T) backends.Backend { return open(t, dir) },
		Image:   "busybox",
		NoEntry: "no-command",
		Behind: backendtest.Behind{
			Make: func(t *testing.T, name string, labels map[string]string) string {
				t.Helper()
				id, err := e.Make(name, labels)
				if err != nil {
					t.Fatal(err)
				}
				return id
			},
			ID: func(t *testing.T, name string) string {
				t.Helper()
				id, err := e.ID(name)
				if err != nil {
					t.Fatal(err)
				}
				return id
			},
			Delete: do(e.Delete), Stop: do(e.Stop), Start: do(e.Start), Pause: do(e.Pause), Unpause: do(e.Unpause),
			Rename: func(t *testing.T, name, to string) {
				t.Helper()
				if err := e.Rename(name, to); err != nil {
					t.Fatal(err)
				}
			},
		},
		Without: map[backendtest.Capability]string{
			backendtest.Limits: "the fake records limits and enforces none",
			backendtest.Ports:  "the fake records ports and opens none",
		},
	}
	if os.Getuid() != 0 {
		h.Without[backendtest.Users] = "without root there is one user in a namespace"
	}
	backendtest.Run(t, h)
}
