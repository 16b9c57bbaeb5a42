package lifecycle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// exporter is a fake that gives away the archives it was loaded with.
type exporter struct {
	backends.Backend
	archive func() ([]byte, error)
}

func (e exporter) ExportImage(_ context.Context, _ string, w io.Writer) error {
	text, err := e.archive()
	if _, werr := w.Write(text); err == nil {
		err = werr
	}
	return err
}

// importer is a fake that takes archives.
type importer struct {
	backends.Backend
	taken *int
}

func (i importer) ImportImage(ctx context.Context, want backends.Image, r io.Reader) (backends.Image, error) {
	f, err := os.CreateTemp("", "import-*.tar")
	if err != nil {
		return backends.Image{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return backends.Image{}, err
	}
	*i.taken++
	return i.ResolveImage(ctx, f.Name(), backends.PullNever, func(backends.Progress) {})
}

// ResolveImage remembers no name of another engine's, as the contract has it:
// only the id.
func (i importer) ResolveImage(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (backends.Image, error) {
	if strings.HasPrefix(ref, "my-agent") {
		return backends.Image{}, backends.ErrImageNotFound
	}
	return i.Backend.ResolveImage(ctx, ref, pull, say)
}

// pair is a world whose engine takes images, with an engine beside it that
// gives its own.
type pair struct {
	*world
	local    string // folder of the other engine
	archive  []byte
	taken    int
	exported error
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{world: newWorld(t), local: filepath.Join(t.TempDir(), "local")}
	must(t, os.MkdirAll(p.local, 0o755))
	// The engines of the mould share their images; this one must not.
	must(t, os.Remove(filepath.Join(p.engine, "images")))
	must(t, os.Mkdir(filepath.Join(p.engine, "images"), 0o755))
	taking, giving := fake.Kind("fake"), fake.Kind("local")
	open, openLocal := taking.Open, giving.Open
	taking.Open = func(ep string) (backends.Backend, error) {
		be, err := open(ep)
		return importer{be, &p.taken}, err
	}
	giving.Resolve = func(string, func(string) string) (string, error) { return fake.Endpoint(p.local), nil }
	giving.Open = func(ep string) (backends.Backend, error) {
		be, err := openLocal(ep)
		return exporter{be, func() ([]byte, error) { return p.archive, p.exported }}, err
	}
	p.Backends = backends.NewRegistry(taking, fake.Kind("other"), giving)
	return p
}

// build makes an image that only the local engine knows.
func (p *pair) build(t *testing.T, name, comment string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range [][2]string{
		{"c.json", `{"config":{"Cmd":["sh","-c","trap 'exit 0' TERM; while :; do sleep 0.05; done"]},"comment":"` + comment + `"}`},
		{"manifest.json", `[{"Config":"c.json","RepoTags":["` + name + `"]}]`},
	} {
		must(t, w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1]))}))
		_, err := io.WriteString(w, f[1])
		must(t, err)
	}
	must(t, w.Close())
	p.archive = b.Bytes()
	must(t, os.RemoveAll(filepath.Join(p.local, "images"))) // a name that moves
	path := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(path, p.archive, 0o600))
	be, err := fake.Kind("local").Open(fake.Endpoint(p.local))
	must(t, err)
	defer be.Close()
	img, err := be.ResolveImage(t.Context(), path, backends.PullNever, func(backends.Progress) {})
	must(t, err)
	return img.ID
}

// tryStart starts a bottle from an image, with the image's own command.
func (p *pair) tryStart(image string, pull backends.Pull) (lifecycle.Outcome, error) {
	r := request("")
	r.Image, r.Pull, r.Argv = image, pull, nil
	plan, err := p.Plan(context.Background(), r)
	must(p.t, err)
	return p.Start(context.Background(), plan, nil)
}

func (p *pair) stopAll() {
	for _, b := range p.all() {
		must(p.t, p.Stop(context.Background(), b.ID, lifecycle.StopRequest{}))
	}
}

func TestLocalImageIsHandedOverOnce(t *testing.T) {
	p := newPair(t)
	id := p.build(t, "my-agent", "")
	var told []string
	say := p.Say
	p.Say = func(n lifecycle.Notice) {
		if n.Progress.Step == "import" {
			told = append(told, n.Text)
		}
		say(n)
	}
	var first lifecycle.Outcome
	for _, pull := range []backends.Pull{backends.PullMissing, backends.PullNever, ""} {
		out, err := p.tryStart("my-agent", pull)
		must(t, err)
		if got := out.Bottle.Instance.ImageID; got != id || p.taken != 1 {
			t.Errorf("--pull %s: image %s, taken %d times; want %s, once", pull, got, p.taken, id)
		}
		if first.Bottle.ID == "" {
			first = out
		}
	}
	if len(told) == 0 || !strings.Contains(told[0], "local") {
		t.Errorf("of the handover it was told %q", told)
	}
	// The recorded image is found again though the local engine has moved on.
	must(t, os.RemoveAll(p.local))
	p.stopAll()
	out, err := p.Resume(t.Context(), first.Bottle.ID, lifecycle.ResumeRequest{NewInstance: true})
	must(t, err)
	if out.Bottle.Instance.ImageID != id || p.taken != 1 {
		t.Errorf("the new instance has image %s, taken %d times", out.Bottle.Instance.ImageID, p.taken)
	}
	p.stopAll()
}

// TestRebuiltImageIsHandedOverAgain: a name means what the local engine says
// today.
func TestRebuiltImageIsHandedOverAgain(t *testing.T) {
	p := newPair(t)
	for n, comment := range []string{"old", "new"} {
		id := p.build(t, "my-agent", comment)
		out, err := p.tryStart("my-agent", backends.PullMissing)
		must(t, err)
		if got := out.Bottle.Instance.ImageID; got != id || p.taken != n+1 {
			t.Errorf("the %s one: image %s, taken %d times; want %s", comment, got, p.taken, id)
		}
	}
	p.stopAll()
}

func TestImageThatNobodyHas(t *testing.T) {
	p := newPair(t)
	p.build(t, "my-agent", "")
	for _, pull := range []backends.Pull{backends.PullMissing, backends.PullNever} {
		_, err := p.tryStart("nowhere", pull)
		if !errors.Is(err, backends.ErrImageNotFound) || !strings.Contains(err.Error(), "local at "+fake.Endpoint(p.local)+" does not have it") {
			t.Errorf("--pull %s: %v", pull, err)
		}
	}
	// always is about the registry, and a path about a file
	for image, pull := range map[string]backends.Pull{"my-agent": backends.PullAlways, "/my-agent": backends.PullMissing} {
		_, err := p.tryStart(image, pull)
		if !errors.Is(err, backends.ErrImageNotFound) || strings.Contains(err.Error(), "local at") || p.taken > 0 {
			t.Errorf("%s, --pull %s: %v, taken %d times", image, pull, err, p.taken)
		}
	}
}

// TestRegistryAfterADeadLocalEngine: who does not answer is no error as long
// as the registry does.
func TestRegistryAfterADeadLocalEngine(t *testing.T) {
	p := newPair(t)
	p.build(t, "my-agent", "")
	p.EngineTimeout = 300 * time.Millisecond
	for name, f := range map[string]fake.Faults{
		"absent": {Unreachable: "it is not there"},
		"hangs":  {Faults: []fake.Fault{{Point: "image:before", Hang: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, fake.SetFaults(p.local, f))
			out, err := p.tryStart("registry.test/sleep", backends.PullMissing)
			must(t, err)
			must(t, p.Stop(t.Context(), out.Bottle.ID, lifecycle.StopRequest{}))
			if _, err := p.tryStart("nowhere", backends.PullMissing); !errors.Is(err, backends.ErrImageNotFound) || !strings.Contains(err.Error(), "asked before: local") {
				t.Errorf("nowhere: %v", err)
			}
		})
	}
}

// TestBrokenHandover is an error: the registry's image of that name would be
// another.
func TestBrokenHandover(t *testing.T) {
	p := newPair(t)
	p.build(t, "registry.test/sleep", "")
	p.exported = errors.New("the disk is full")
	_, err := p.tryStart("registry.test/sleep", backends.PullMissing)
	if !errors.Is(err, p.exported) || !strings.Contains(err.Error(), "could not be handed over") || p.taken > 0 {
		t.Errorf("%v, taken %d times", err, p.taken)
	}
	if len(p.all()) > 0 {
		t.Error("a bottle was recorded")
	}
}
