package images_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

func silent(backends.Progress) {}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:])
}

// file is one entry of a tar file; a name that ends in / is a folder.
type file struct{ name, text, link string }

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.text)), Typeflag: tar.TypeReg}
		switch {
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag = tar.TypeDir
		case f.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		must(t, w.WriteHeader(h))
		_, err := io.WriteString(w, f.text)
		must(t, err)
	}
	must(t, w.Close())
	return buf.Bytes()
}

func packed(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := z.Write(b)
	must(t, err)
	must(t, z.Close())
	return buf.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

// image is an image of one layer that nobody has seen.
type image struct {
	layer  []byte
	config string
	id     string
}

func newImage(t testing.TB) image {
	t.Helper()
	unique := make([]byte, 3000)
	_, err := rand.Read(unique)
	must(t, err)
	i := image{layer: tarOf(t, file{name: "bin/"}, file{name: "bin/hello", text: string(unique)})}
	i.config = asJSON(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/bin/hello"}, "Cmd": []string{"-v"}, "User": "7:7", "WorkingDir": "/w", "Env": []string{"A=1", "PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(i.layer)}},
	})
	i.id = digest([]byte(i.config))
	return i
}

// saved is the image as docker save writes it.
func (i image) saved(t testing.TB, layer []byte) []byte {
	t.Helper()
	hex := i.id[len("sha256:"):]
	list := asJSON(t, []map[string]any{{"Config": hex + ".json", "RepoTags": []string{"some/name:1"}, "Layers": []string{"one/layer.tar"}}})
	return tarOf(t, file{name: "one/"}, file{name: "one/layer.tar", text: string(layer)}, file{name: hex + ".json", text: i.config}, file{name: "manifest.json", text: list})
}

// check holds that the store has the image, whole.
func (i image) check(t *testing.T, s *images.Store, got backends.Image) {
	t.Helper()
	if got.ID != i.id || got.User != "7:7" || !got.Runs || got.Arch != runtime.GOARCH {
		t.Errorf("resolved %+v, want %s", got, i.id)
	}
	st, err := s.Lookup(i.id)
	must(t, err)
	if st.Image.ID != i.id || strings.Join(st.Argv, " ") != "/bin/hello -v" || strings.Join(st.Env, " ") != "A=1 PATH=/bin" || st.User != "7:7" || st.Workdir != "/w" {
		t.Errorf("stored %+v", st)
	}
	info, err := os.Stat(st.Path)
	must(t, err)
	if info.Mode().Perm() != 0o644 {
		t.Errorf("the archive has mode %o", info.Mode().Perm())
	}
	if text, err := os.ReadFile(st.Path); err != nil || !bytes.Contains(text, i.layer) {
		t.Errorf("the archive does not hold the layer: %v", err)
	}
}

func newStore(t testing.TB) (*images.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deep", "images")
	return images.Open(dir, func(string) string { return "" }), dir
}

// files lists what is in a store, but for locks.
func filesIn(t testing.TB, dir string) (out []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range all {
		if !e.IsDir() && !strings.HasSuffix(e.Name(), ".lock") {
			out = append(out, e.Name())
		}
	}
	return out
}
