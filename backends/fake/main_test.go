package fake_test

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/backendtest"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

func TestMain(m *testing.M) {
	fake.Main() // the test binary is the supervisor too
	if verb := os.Getenv(envVerb); verb != "" {
		otherProcess(verb)
	}
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
	backendtest.Run(t, harness(t, func(b backends.Backend) backends.Backend { return b }))
}

// TestConformanceOfMachines is the contract once more, of the kind that keeps
// no values and lingers.
func TestConformanceOfMachines(t *testing.T) {
	usable(t)
	h := harness(t, func(b backends.Backend) backends.Backend { return b })
	kept := h.Open
	h.Open = func(t *testing.T) backends.Backend {
		b, err := fake.MachineKind("machine").Open(fake.Endpoint(kept(t).(interface{ Dir() string }).Dir()))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	h.Without[backendtest.KeepsEnv] = "a machine is given its values at each start"
	backendtest.Run(t, h)
}

// A machine's values are in no file of the engine, and what it ran in stays
// until it is stopped.
func TestMachinesKeepNothingAndLinger(t *testing.T) {
	usable(t)
	const value = "sesame-open-up-4711"
	dir := t.TempDir()
	b, err := fake.MachineKind("machine").Open(fake.Endpoint(dir))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	img, err := b.ResolveImage(ctx, "busybox", backends.PullNever, func(backends.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	s := backends.InstanceSpec{Name: "m", Image: img, Network: "none", Argv: []string{"sh", "-c", `test "$TOKEN" = ` + "sesame-open-up-$N"},
		Env: []string{"TOKEN=" + value, "N=4711"}, Labels: backends.Labels{Home: "h", Bottle: "b", Nonce: "n", Generation: 1},
		Resource: func(backends.Leftover) error { return nil }}
	made, err := b.Create(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	ref := backends.Ref{Name: s.Name, ID: made.ID, Labels: s.Labels}
	defer b.Remove(context.WithoutCancel(ctx), ref)
	if err := b.Start(ctx, ref, s.Env); err != nil {
		t.Fatal(err)
	}
	o, err := b.Wait(ctx, ref)
	if err != nil || o.ExitCode == nil || *o.ExitCode != 0 {
		t.Errorf("it ran without its values: %+v, %v", o, err)
	}
	if o.Status != backends.StatusStopped || !o.Lingers {
		t.Errorf("after its end it is %s, lingers: %v", o.Status, o.Lingers)
	}
	if found, err := exec.Command("grep", "-rl", "--exclude-dir=images", value, dir).Output(); err == nil {
		t.Errorf("the engine keeps the value in %s", found)
	}
	if err := b.Stop(ctx, ref, 0); err != nil {
		t.Fatal(err)
	}
	if o, err := b.Inspect(ctx, ref); err != nil || o.Lingers {
		t.Errorf("after Stop it lingers: %v, %v", o.Lingers, err)
	}
}

// harness is the fake under test; wrap may spoil it.
func harness(t *testing.T, wrap func(backends.Backend) backends.Backend) backendtest.Harness {
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
		Open:    func(t *testing.T) backends.Backend { return wrap(open(t, dir)) },
		Image:   "busybox",
		NoEntry: "no-command",
		Archive: archive(t),
		Dead: map[string]func(*testing.T) backends.Backend{
			"absent": func(t *testing.T) backends.Backend { return open(t, filepath.Join(t.TempDir(), "none")) },
			"rubbish": func(t *testing.T) backends.Backend {
				dir := t.TempDir()
				plan(t, dir, fake.Faults{Unreachable: "something else answers"})
				return open(t, dir)
			},
			"hanging": func(t *testing.T) backends.Backend {
				dir := t.TempDir()
				var f fake.Faults
				for _, point := range fake.Points() {
					f.Faults = append(f.Faults, fake.Fault{Point: point, Hang: true})
				}
				plan(t, dir, f)
				return open(t, dir)
			},
		},
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
			backendtest.Holder: "the fake keeps main processes by itself",
			backendtest.Limits: "the fake records limits and enforces none",
			backendtest.Ports:  "the fake records ports and opens none",
		},
	}
	if os.Getuid() != 0 {
		h.Without[backendtest.Users] = "without root there is one user in a namespace"
	}
	return h
}

// archive writes an image archive as docker save does, without layers.
func archive(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, text := range map[string]string{
		"manifest.json": `[{"Config":"c.json","RepoTags":["mine:1"],"Layers":[]}]`,
		"c.json":        `{"config":{"Entrypoint":["echo"],"Cmd":["from the archive"]}}`,
	} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
