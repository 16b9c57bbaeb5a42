package imagefile

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Writer writes the archive of one image, in the same bytes for the same
// image, whoever it came from: the list and the configuration first, then
// every layer once, unpacked and under the name of its digest.
type Writer struct {
	f   *os.File
	at  int64
	cfg Config
	has map[string]bool
	max int64
}

// maxImage bounds an image on disk, in bytes: what is longer is a bomb or
// belongs on no laptop.
const maxImage = 64 << 30

// NewWriter begins the archive of the image with a configuration. The file
// must be empty.
func NewWriter(f *os.File, config []byte) (*Writer, error) {
	cfg, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, cfg: cfg, has: map[string]bool{}, max: maxImage}
	hex := strings.TrimPrefix(Digest(config), "sha256:")
	layers := []string{}
	for _, id := range cfg.Layers {
		layers = append(layers, layerName(id))
	}
	list, err := json.Marshal([]map[string]any{{"Config": hex + ".json", "RepoTags": nil, "Layers": layers}})
	if err != nil {
		return nil, err
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{"manifest.json", list}, {hex + ".json", config}} {
		if _, err := w.file(file.name, bytes.NewReader(file.text)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func layerName(diffID string) string { return strings.TrimPrefix(diffID, "sha256:") + "/layer.tar" }

// Layer writes the layer with number i, which must hold the unpacked bytes
// that the configuration tells of.
func (w *Writer) Layer(i int, r io.Reader) error {
	id := w.cfg.Layers[i]
	if w.Has(i) {
		return nil
	}
	got, err := w.file(layerName(id), r)
	if err != nil {
		return fmt.Errorf("layer %d: %w", i+1, err)
	}
	if got != id {
		return fmt.Errorf("layer %d: %w: it is %s, and the configuration says %s", i+1, ErrDamaged, got, id)
	}
	w.has[id] = true
	return nil
}

// Has says whether a layer was written: one may stand in an image twice.
func (w *Writer) Has(i int) bool { return w.has[w.cfg.Layers[i]] }

// Close ends the archive. All layers must have been written. The file stays
// open.
func (w *Writer) Close() error {
	for i := range w.cfg.Layers {
		if !w.Has(i) {
			return fmt.Errorf("layer %d was not written", i+1)
		}
	}
	_, err := w.f.WriteAt(make([]byte, 2*block), w.at)
	return err
}

const block = 512

// file appends a file of a length that is known only when it is written: the
// place of its header is left free until then.
func (w *Writer) file(name string, r io.Reader) (digest string, err error) {
	head := w.at
	sum := sha256.New()
	to := io.MultiWriter(io.NewOffsetWriter(w.f, head+block), sum)
	n, err := io.Copy(to, io.LimitReader(r, w.max-head))
	if err != nil {
		return "", err
	}
	if head+n >= w.max {
		return "", fmt.Errorf("the image is longer than %d GiB", w.max>>30)
	}
	var b bytes.Buffer
	// This form takes any size in one block.
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: n, Mode: 0o444, Format: tar.FormatGNU}
	if err := tar.NewWriter(&b).WriteHeader(h); err != nil {
		return "", err
	}
	if b.Len() != block {
		return "", fmt.Errorf("the header of %s takes %d bytes", name, b.Len())
	}
	if _, err := w.f.WriteAt(b.Bytes(), head); err != nil {
		return "", err
	}
	w.at = head + block + n
	if rest := n % block; rest != 0 {
		pad := make([]byte, block-rest)
		if _, err := w.f.WriteAt(pad, w.at); err != nil {
			return "", err
		}
		w.at += int64(len(pad))
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
