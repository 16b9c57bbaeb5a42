// Package imagefile knows images as files: archives in the format of `docker
// save`, and folders that hold a root file system. The format is described at
// github.com/moby/docker-image-spec; since Docker 25 such an archive is an OCI
// image layout as well.
package imagefile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
)

const (
	// MaxMeta is how long a file may be that describes an image, in bytes:
	// more is a layer.
	MaxMeta = 4 << 20
	// maxEntries bounds a hostile archive.
	maxEntries = 1 << 20
	// maxLayers is far above what engines make: Docker stops at 127.
	maxLayers = 1000
)

// Contents is what an archive says of its one image.
type Contents struct {
	ID     string   // of the content: the digest of its configuration
	Index  string   // digest of its manifest, in archives that have an index; as the archive claims
	Tags   []string // the names that loading it gives it
	Config Span
	Layers []Span // lowest first; each a tar file, perhaps compressed
}

// Span is where a file lies in an archive (in what is left of it when a
// compression of the whole is taken off). Size is in bytes.
type Span struct{ Offset, Size int64 }

// entry is one file of an archive.
type entry struct {
	Span
	digest string // of a small file
	link   string // what it is a link to, else ""
}

// Scan finds out which image an archive holds, and where. Names in an archive
// prove nothing, so the id is made from the configuration itself; layers are
// found but not looked into. r is seeked in when it can be, and must stand at
// the beginning of a tar file.
func Scan(r io.Reader) (Contents, error) {
	files := map[string]entry{}
	var list, index []byte
	at := position(&r)
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Contents{}, fmt.Errorf("it is no tar file: %w", err)
		}
		if n > maxEntries {
			return Contents{}, fmt.Errorf("it has more than %d entries", maxEntries)
		}
		name, e := path.Clean(h.Name), entry{}
		switch h.Typeflag {
		case tar.TypeReg:
			if e.Offset, err = at(); err != nil {
				return Contents{}, err
			}
			e.Size = h.Size
		case tar.TypeSymlink: // older engines save a layer once and link to it
			e.link = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			e.link = path.Clean(h.Linkname)
		default:
			continue
		}
		if e.link == "" && e.Size <= MaxMeta {
			text, err := io.ReadAll(tr)
			if err != nil {
				return Contents{}, fmt.Errorf("it is cut off: %w", err)
			}
			e.digest = Digest(text)
			switch name {
			case "manifest.json":
				list = text
			case "index.json":
				index = text
			}
		}
		files[name] = e
	}
	return identify(list, index, files)
}

// position makes a function that says how far r was read.
func position(r *io.Reader) func() (int64, error) {
	if s, ok := (*r).(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekCurrent); err == nil {
			return func() (int64, error) { return s.Seek(0, io.SeekCurrent) }
		}
	}
	c := &counter{r: *r}
	*r = c
	return func() (int64, error) { return c.n, nil }
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func identify(list, index []byte, files map[string]entry) (c Contents, err error) {
	if list == nil {
		return c, errors.New("it has no manifest.json: it is not an archive of docker save (a packed root file system becomes an image by docker import)")
	}
	var images []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(list, &images); err != nil {
		return c, fmt.Errorf("its manifest.json cannot be read: %w", err)
	}
	if len(images) != 1 {
		return c, fmt.Errorf("it holds %d images; save one by its name or id", len(images))
	}
	config, ok := find(files, images[0].Config)
	if !ok || config.digest == "" {
		return c, fmt.Errorf("its configuration %q is missing", images[0].Config)
	}
	c.ID, c.Tags, c.Config = config.digest, images[0].RepoTags, config.Span
	if len(images[0].Layers) > maxLayers {
		return c, fmt.Errorf("it has more than %d layers", maxLayers)
	}
	for _, name := range images[0].Layers {
		layer, ok := find(files, name)
		if !ok {
			return c, fmt.Errorf("its layer %q is missing", name)
		}
		c.Layers = append(c.Layers, layer.Span)
	}
	var layout struct{ Manifests []struct{ Digest string } }
	if index != nil && json.Unmarshal(index, &layout) == nil && len(layout.Manifests) == 1 {
		c.Index = layout.Manifests[0].Digest
	}
	return c, nil
}

// find looks a file up, through links that lead to links.
func find(files map[string]entry, name string) (entry, bool) {
	for range 10 {
		e, ok := files[path.Clean(name)]
		if !ok || e.link == "" {
			return e, ok
		}
		name = e.link
	}
	return entry{}, false
}

// Digest is the digest of some bytes, as content ids are written.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// packings are the compressions by the bytes they begin with.
var packings = []struct{ name, begin string }{
	{Gzip, "\x1f\x8b"}, {"bzip2", "BZh"}, {"xz", "\xfd7zXZ"}, {Zstd, "\x28\xb5\x2f\xfd"},
}

// The compressions that layers have.
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// MagicLen is how many bytes Packing wants to see.
const MagicLen = 6

// Packing names the compression that a file begins with, "" for none that is
// known.
func Packing(begin []byte) string {
	i := slices.IndexFunc(packings, func(p struct{ name, begin string }) bool { return bytes.HasPrefix(begin, []byte(p.begin)) })
	if i < 0 {
		return ""
	}
	return packings[i].name
}

// Unpacked takes gzip off an archive. Others are refused with a word on what
// to do. plain says that there was nothing to take off.
func Unpacked(f io.ReadSeeker) (r io.Reader, plain bool, err error) {
	magic := make([]byte, MagicLen)
	n, err := io.ReadFull(f, magic)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, false, err
	}
	switch kind := Packing(magic[:n]); kind {
	case "":
		return f, true, nil
	case Gzip:
		r, err = gzip.NewReader(f)
		return r, false, err
	default:
		return nil, false, fmt.Errorf("it is packed with %s: unpack it first", kind)
	}
}
