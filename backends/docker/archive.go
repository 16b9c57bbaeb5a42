package docker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// isArchive says whether the word for an image is a path: one that begins
// like a path, or a tar file that is there.
func isArchive(word string) bool {
	if strings.HasPrefix(word, "/") || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") {
		return true
	}
	for _, end := range []string{".tar", ".tar.gz", ".tgz"} {
		if strings.HasSuffix(word, end) && isFile(word) {
			return true
		}
	}
	return false
}

// archived is what an archive of `docker save` says of its one image.
type archived struct {
	id    string   // of the content: the digest of its configuration
	index string   // digest of its manifest, in archives that have an index
	tags  []string // the names that loading it gives it
}

const (
	// maxMeta is how long a file may be that describes an image: more is a
	// layer.
	maxMeta = 4 << 20
	// maxEntries bounds a hostile archive.
	maxEntries = 1 << 20
)

// loadArchive loads an archive unless the engine has its image already. Which
// image it is is read from the archive itself: neither the newest image in
// the engine nor the text of its answer can say.
func (b *Backend) loadArchive(ctx context.Context, file string, say func(backends.Progress)) (backends.Image, error) {
	op := fmt.Sprintf("image archive %q", file)
	f, err := os.Open(file)
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w: %w", op, backends.ErrImageNotFound, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	if !st.Mode().IsRegular() {
		return backends.Image{}, fmt.Errorf("%s: %w: it is no file", op, backends.ErrImageNotFound)
	}
	say(backends.Progress{Step: "load", Detail: "reading " + path.Base(file), Total: st.Size()})
	a, err := readArchive(f)
	if err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, err)
	}
	img, err := b.archivedImage(ctx, a)
	if err == nil || !cerrdefs.IsNotFound(err) {
		return img, b.fail(ctx, op, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, err)
	}
	if err := b.load(ctx, op, f, st.Size(), say); err != nil {
		return backends.Image{}, err
	}
	img, err = b.archivedImage(ctx, a)
	if cerrdefs.IsNotFound(err) && len(a.tags) > 0 {
		// An engine that names images by their manifest, and an archive
		// without one: the name it gave the image is all that is left.
		var r imageRef
		if r, err = parseImage(a.tags[0]); err == nil {
			img, err = b.localImage(ctx, r)
		}
	}
	return img, b.fail(ctx, op, err)
}

// archivedImage asks for the image of an archive.
func (b *Backend) archivedImage(ctx context.Context, a archived) (backends.Image, error) {
	img, err := b.imageOf(ctx, a.id, nil)
	if a.index != "" && cerrdefs.IsNotFound(err) {
		return b.imageOf(ctx, a.index, nil)
	}
	return img, err
}

// load sends an archive to the engine.
func (b *Backend) load(ctx context.Context, op string, f io.Reader, size int64, say func(backends.Progress)) error {
	ctx, idle := b.withIdle(ctx)
	defer idle.stop()
	from := &counted{r: f, size: size, said: func(p backends.Progress) {
		idle.moved()
		say(p)
	}}
	answer, err := b.api.ImageLoad(ctx, from)
	if err != nil {
		return idle.why(op, b.refused(ctx, op, err))
	}
	defer answer.Body.Close()
	if err := readMessages(answer.Body, func(message) { idle.moved() }); err != nil {
		return idle.why(op, b.refused(ctx, op, err))
	}
	return nil
}

// counted tells how much of an archive was read.
type counted struct {
	r          io.Reader
	done, size int64
	said       func(backends.Progress)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if before := c.done; n > 0 {
		c.done += int64(n)
		if c.done>>20 != before>>20 || c.done == c.size { // a word a megabyte
			c.said(backends.Progress{Step: "load", Done: c.done, Total: c.size})
		}
	}
	return n, err
}

// readArchive finds out which image an archive holds. Names in an archive
// prove nothing, so the digest is made from the configuration itself.
func readArchive(f io.ReadSeeker) (archived, error) {
	r, err := unpacked(f)
	if err != nil {
		return archived{}, err
	}
	digests := map[string]string{} // of every small file
	var list, index []byte
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return archived{}, fmt.Errorf("it is no tar file: %w", err)
		}
		if n > maxEntries {
			return archived{}, fmt.Errorf("it has more than %d entries", maxEntries)
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxMeta {
			continue
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			return archived{}, fmt.Errorf("it is cut off: %w", err)
		}
		name := path.Clean(h.Name)
		sum := sha256.Sum256(text)
		digests[name] = idPrefix + hex.EncodeToString(sum[:])
		switch name {
		case "manifest.json":
			list = text
		case "index.json":
			index = text
		}
	}
	return identify(list, index, digests)
}

func identify(list, index []byte, digests map[string]string) (a archived, err error) {
	if list == nil {
		return a, errors.New("it has no manifest.json: it is not an archive of docker save (a root file system becomes an image by docker import)")
	}
	var images []struct {
		Config   string
		RepoTags []string
	}
	if err := json.Unmarshal(list, &images); err != nil {
		return a, fmt.Errorf("its manifest.json cannot be read: %w", err)
	}
	if len(images) != 1 {
		return a, fmt.Errorf("it holds %d images; save one by its name or id", len(images))
	}
	a.id, a.tags = digests[path.Clean(images[0].Config)], images[0].RepoTags
	if a.id == "" {
		return a, fmt.Errorf("its configuration %q is missing", images[0].Config)
	}
	var layout struct{ Manifests []struct{ Digest string } }
	if index != nil && json.Unmarshal(index, &layout) == nil && len(layout.Manifests) == 1 {
		a.index = layout.Manifests[0].Digest
	}
	return a, nil
}

// unpacked takes gzip off an archive, by its first bytes.
func unpacked(f io.ReadSeeker) (io.Reader, error) {
	magic := make([]byte, 6)
	n, err := io.ReadFull(f, magic)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	for kind, begin := range map[string]string{"bzip2": "BZh", "xz": "\xfd7zXZ", "zstd": "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(magic[:n], []byte(begin)) {
			return nil, fmt.Errorf("it is packed with %s: unpack it first", kind)
		}
	}
	if bytes.HasPrefix(magic[:n], []byte("\x1f\x8b")) {
		return gzip.NewReader(f)
	}
	return f, nil
}
