package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// engineFor is how the tests reach the engine behind the backend's back.
type engineFor struct {
	endpoint string
	api      *client.Client
}

// theEngine is the engine that the environment names, or a skipped test.
func theEngine(t *testing.T) engineFor {
	t.Helper()
	endpoint, err := docker.Resolve("", os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return engineAt(t, endpoint)
}

func engineAt(t *testing.T, endpoint string) engineFor {
	t.Helper()
	api, err := client.NewClientWithOpts(client.WithHost(endpoint), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := api.Ping(ctx); err != nil {
		t.Skipf("no Docker engine answers at %s: %v", endpoint, err)
	}
	return engineFor{endpoint, api}
}

func (e engineFor) open(t *testing.T) *docker.Backend {
	t.Helper()
	b, err := docker.Open(e.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// testImage makes an image of a static busybox and removes it with the test.
// changes are lines of a Dockerfile.
func (e engineFor) testImage(t *testing.T, changes ...string) string {
	t.Helper()
	return e.imported(t, busyboxRoot(t), changes...)
}

// imageOf is one with more files.
func (e engineFor) imageOf(t *testing.T, more ...file) string {
	t.Helper()
	return e.imported(t, busyboxRoot(t, more...))
}

func (e engineFor) imported(t *testing.T, root []byte, changes ...string) string {
	t.Helper()
	name := "bot-bottle-test/busybox:" + random()
	in := image.ImportSource{Source: bytes.NewReader(root), SourceName: "-"}
	answer, err := e.api.ImageImport(t.Context(), in, name, image.ImportOptions{Changes: changes})
	if err != nil {
		t.Fatalf("import an image: %v", err)
	}
	defer answer.Close()
	text, err := io.ReadAll(answer)
	if err != nil || bytes.Contains(text, []byte(`"error"`)) {
		t.Fatalf("import an image: %v, %s", err, text)
	}
	e.removesImage(t, name)
	return name
}

func (e engineFor) removesImage(t *testing.T, name string) {
	t.Cleanup(func() {
		_, err := e.api.ImageRemove(context.WithoutCancel(t.Context()), name, image.RemoveOptions{Force: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			t.Errorf("remove image %s: %v", name, err)
		}
	})
}

// busyboxRoot is a root file system as a tar file.
func busyboxRoot(t *testing.T, more ...file) []byte {
	t.Helper()
	box, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("no busybox to make an image of: %v", err)
	}
	list, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		t.Skipf("busybox does not say what it is: %v", err)
	}
	files := []file{
		{name: "tmp/", mode: 0o1777}, {name: "root/", mode: 0o700}, {name: "etc/", mode: 0o755}, {name: "bin/", mode: 0o755},
		{name: "home/known/", mode: 0o755},
		{name: "bin/busybox", mode: 0o755, text: string(box)},
		{name: "etc/passwd", mode: 0o644, text: "root:x:0:0:root:/root:/bin/sh\nknown:x:4711:4711::/home/known:/bin/sh\n"},
		{name: "etc/group", mode: 0o644, text: "root:x:0:\nknown:x:4711:\n"},
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet != "busybox" {
			files = append(files, file{name: "bin/" + applet, link: "busybox"})
		}
	}
	return tarOf(t, append(files, more...)...)
}

// file is one entry of a tar file; a name that ends in / is a folder.
type file struct {
	name string
	mode int64
	text string
	link string
}

func tarOf(t *testing.T, files ...file) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.text)), Typeflag: tar.TypeReg}
		switch {
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag = tar.TypeDir
		case f.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.link, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// savedImage is an image as docker save writes it, of one small layer that no
// engine has seen.
func savedImage(t *testing.T, tag string) (archive []byte, id string) {
	t.Helper()
	layer := tarOf(t, file{name: "unique", mode: 0o644, text: random()})
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Cmd": []string{"/unique"}, "User": "7:7"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(config)
	id = hex.EncodeToString(digest[:])
	tags := []string{}
	if tag != "" {
		tags = append(tags, tag)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": id + ".json", "RepoTags": tags, "Layers": []string{"layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	return tarOf(t, file{name: "layer.tar", mode: 0o644, text: string(layer)}, file{name: id + ".json", mode: 0o644, text: string(config)},
		file{name: "manifest.json", mode: 0o644, text: string(manifest)}), "sha256:" + id
}

// savedFile writes such an archive into a file.
func (e engineFor) savedFile(t *testing.T, tag string) (path, id string) {
	t.Helper()
	archive, id := savedImage(t, tag)
	path = filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	e.removesImage(t, id)
	return path, id
}

// spec is an instance that nobody has, deleted when the test ends.
func (e engineFor) spec(t *testing.T, img backends.Image, argv ...string) backends.InstanceSpec {
	id := random()
	s := backends.InstanceSpec{
		Name: "bot-bottle-dt-" + id, Slug: "dt-" + id, Image: img, Argv: argv, Network: "none",
		Labels:   backends.Labels{Home: "home-" + id, Bottle: "bottle-" + id, Nonce: "nonce-" + id, Generation: 1},
		Resource: func(backends.Leftover) error { return nil },
	}
	t.Cleanup(func() {
		e.delete(t, s.Name)
		e.release(t, s.Labels.Home)
	})
	return s
}

func (e engineFor) delete(t *testing.T, name string) {
	t.Helper()
	err := e.api.ContainerRemove(context.WithoutCancel(t.Context()), name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
		t.Errorf("delete %s: %v", name, err)
	}
}

// release lets go of what a home of this test's own owns.
func (e engineFor) release(t *testing.T, home string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	b := e.open(t)
	left, err := b.Leftovers(ctx, home)
	if err != nil {
		t.Errorf("leftovers: %v", err)
	}
	for _, l := range left {
		if err := b.Release(ctx, home, l); err != nil && !errors.Is(err, backends.ErrInUse) {
			t.Errorf("release: %v", err)
		}
	}
}

// resolved pins an image that the engine has.
func resolved(t *testing.T, b backends.Backend, name string) backends.Image {
	t.Helper()
	img, err := b.ResolveImage(t.Context(), name, backends.PullNever, silent)
	if err != nil {
		t.Fatalf("ResolveImage(%q): %v", name, err)
	}
	return img
}

func silent(backends.Progress) {}

// made creates and starts what a spec says.
func made(t *testing.T, b backends.Backend, s backends.InstanceSpec) backends.Ref {
	t.Helper()
	inst, err := b.Create(t.Context(), s)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	ref := backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return ref
}

// output runs a command and returns what it prints.
func output(t *testing.T, b backends.Backend, ref backends.Ref, argv ...string) string {
	t.Helper()
	var out bytes.Buffer
	code, err := b.Exec(t.Context(), ref, backends.Command{Argv: argv}, backends.Streams{Out: &out, Err: &out})
	if err != nil || code != 0 {
		t.Fatalf("Exec(%q): %d, %v, %s", argv, code, err, out.String())
	}
	return out.String()
}

// idle runs until it is told to end.
func idle() []string { return []string{"sleep", "3600"} }

func random() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// env makes a getenv of pairs.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		i := slices.Index(pairs, name)
		if i < 0 || i%2 != 0 {
			return ""
		}
		return pairs[i+1]
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
