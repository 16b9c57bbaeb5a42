package docker_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

func packed(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestArchives loads what docker save writes; its own content says which
// image it is, whatever else is loaded meanwhile.
func TestArchives(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	for name, pack := range map[string]bool{"image.tar": false, "image.tar.gz": true} {
		t.Run(name, func(t *testing.T) {
			archive, id := savedImage(t, "")
			e.removesImage(t, id)
			if pack {
				archive = packed(t, archive)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), archive, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			for _, word := range []string{"./" + name, filepath.Join(dir, name), name} {
				img, err := b.ResolveImage(t.Context(), word, backends.PullNever, silent)
				if err != nil || img.ID != id || img.User != "7:7" || !img.Runs {
					t.Errorf("%s: %+v, %v; want %s", word, img, err, id)
				}
			}
		})
	}
	t.Run("with a name", func(t *testing.T) {
		tag := "bot-bottle-test/saved:" + random()
		path, id := e.savedFile(t, tag)
		img, err := b.ResolveImage(t.Context(), path, backends.PullMissing, silent)
		if err != nil || img.ID != id {
			t.Errorf("got %+v, %v; want %s", img, err, id)
		}
		if named := resolved(t, b, tag); named.ID != id {
			t.Errorf("its name is %s", named.ID)
		}
	})
}

func TestArchivesThatAreNone(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	one, id := savedImage(t, "")
	list := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"empty":          {nil, "manifest.json"},
		"prose":          {[]byte(strings.Repeat("no tar ", 200)), "no tar file"},
		"cut off":        {one[:len(one)/3], ""},
		"a root":         {tarOf(t, file{name: "etc/passwd", mode: 0o644, text: "x"}), "docker import"},
		"two images":     {tarOf(t, file{name: "manifest.json", text: list([]map[string]any{{"Config": "a"}, {"Config": "b"}})}), "holds 2 images"},
		"no image":       {tarOf(t, file{name: "manifest.json", text: "[]"}), "holds 0 images"},
		"no layer":       {tarOf(t, file{name: "a.json", text: "{}"}, file{name: "manifest.json", text: list([]map[string]any{{"Config": "a.json", "Layers": []string{"b/layer.tar"}}})}), "b/layer.tar"},
		"no config":      {tarOf(t, file{name: "manifest.json", text: list([]map[string]any{{"Config": "a.json"}})}), "missing"},
		"not JSON":       {tarOf(t, file{name: "manifest.json", text: "{"}), "cannot be read"},
		"packed by xz":   {[]byte("\xfd7zXZ\x00 and more"), "xz"},
		"packed by zstd": {[]byte("\x28\xb5\x2f\xfd and more"), "zstd"},
		"broken gzip":    {[]byte("\x1f\x8b\x08 and more"), ""},
		// the name of its configuration is that of another image's
		"a liar": {tarOf(t, file{name: strings.TrimPrefix(id, "sha256:") + ".json", text: "{}"},
			file{name: "manifest.json", text: list([]map[string]any{{"Config": strings.TrimPrefix(id, "sha256:") + ".json"}})}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.tar")
			if err := os.WriteFile(path, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			img, err := b.ResolveImage(t.Context(), path, backends.PullNever, silent)
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, backends.ErrBadRequest) {
				t.Errorf("got %+v, %v; want a refusal with %q", img, err, c.want)
			}
		})
	}
	for _, missing := range []string{"./none.tar", "/none", "../x"} {
		if _, err := b.ResolveImage(t.Context(), missing, backends.PullMissing, silent); !errors.Is(err, backends.ErrImageNotFound) {
			t.Errorf("%s: %v", missing, err)
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	t := &testing.T{}
	one, _ := savedImage(t, "x:y")
	f.Add(one)
	f.Add(packed(t, one))
	f.Add(tarOf(t, file{name: "manifest.json", text: `[{"Config":"../../x","RepoTags":null}]`}, file{name: "index.json", text: `{"manifests":[{"digest":5}]}`}))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := docker.ArchiveID(bytes.NewReader(text))
		if (err == nil) == (id == "") {
			t.Errorf("read as %q, %v", id, err)
		}
	})
}
