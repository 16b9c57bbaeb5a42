package cli_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

// dockerEngine is the Docker engine that answers here, and its endpoint.
func dockerEngine(t *testing.T) (engine *docker.Backend, endpoint string) {
	t.Helper()
	endpoint, err := docker.Resolve("", os.Getenv)
	fatal(t, err)
	engine, err = docker.Open(endpoint)
	fatal(t, err)
	t.Cleanup(func() { engine.Close() })
	if _, err := engine.Probe(t.Context()); err != nil {
		t.Skipf("no Docker engine: %v", err)
	}
	return engine, endpoint
}

// TestOneImageForBothBackends: an archive, a folder and an image that only
// the Docker engine has are the same content on both sides.
func TestOneImageForBothBackends(t *testing.T) {
	engine, endpoint := dockerEngine(t)
	store := images.Open(filepath.Join(t.TempDir(), "images"), os.Getenv)
	api, err := client.NewClientWithOpts(client.WithHost(endpoint), client.WithAPIVersionNegotiation())
	fatal(t, err)
	t.Cleanup(func() { api.Close() })
	silent := func(backends.Progress) {}
	archive, tag := savedImage(t)
	folder := t.TempDir()
	fatal(t, os.MkdirAll(filepath.Join(folder, "bin"), 0o755))
	fatal(t, os.WriteFile(filepath.Join(folder, "bin", tag[len("bot-bottle-test/"):]), []byte(tag), 0o755))
	for _, word := range []string{archive, folder} {
		here, err := engine.ResolveImage(t.Context(), word, backends.PullNever, silent)
		fatal(t, err)
		t.Cleanup(func() {
			if _, err := api.ImageRemove(context.Background(), here.ID, image.RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		})
		there, err := store.Resolve(t.Context(), word, backends.PullNever, silent)
		fatal(t, err)
		if here != there {
			t.Errorf("%s is %+v in the engine and %+v in the store", word, here, there)
		}
	}

	fresh := images.Open(filepath.Join(t.TempDir(), "images"), os.Getenv)
	want, err := engine.ResolveImage(t.Context(), tag, backends.PullNever, silent)
	fatal(t, err)
	r, w := io.Pipe()
	go func() { w.CloseWithError(engine.ExportImage(t.Context(), want.ID, w)) }()
	got, err := fresh.Import(t.Context(), want, r)
	fatal(t, err)
	if got != want {
		t.Errorf("handed over it is %+v, want %+v", got, want)
	}
	from, err := store.Lookup(want.ID)
	fatal(t, err)
	to, err := fresh.Lookup(want.ID)
	fatal(t, err)
	a, err := os.ReadFile(from.Path)
	fatal(t, err)
	b, err := os.ReadFile(to.Path)
	fatal(t, err)
	if !bytes.Equal(a, b) {
		t.Error("by two ways the archive is not the same bytes")
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// savedImage is a file as docker save writes it, of an image that no engine
// has seen, with a tag.
func savedImage(t *testing.T) (path, tag string) {
	t.Helper()
	unique := make([]byte, 8)
	_, err := rand.Read(unique)
	fatal(t, err)
	tag = "bot-bottle-test/" + hex.EncodeToString(unique)
	layer := packFiles(t, [2]string{"unique", tag})
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Cmd": []string{"/unique"}, "User": "7:7"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	fatal(t, err)
	list, err := json.Marshal([]map[string]any{{"Config": "c.json", "RepoTags": []string{tag + ":latest"}, "Layers": []string{"layer.tar"}}})
	fatal(t, err)
	path = filepath.Join(t.TempDir(), "image.tar")
	fatal(t, os.WriteFile(path, packFiles(t, [2]string{"layer.tar", string(layer)}, [2]string{"c.json", string(config)}, [2]string{"manifest.json", string(list)}), 0o600))
	return path, tag
}

func packFiles(t *testing.T, files ...[2]string) []byte { return packModes(t, 0o644, files...) }

func packModes(t *testing.T, mode int64, files ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		fatal(t, w.WriteHeader(&tar.Header{Name: f[0], Mode: mode, Size: int64(len(f[1]))}))
		_, err := io.WriteString(w, f[1])
		fatal(t, err)
	}
	fatal(t, w.Close())
	return b.Bytes()
}
