// Package images keeps images as files, for an engine that has no store of its
// own to pin them in: each as one archive in the format of `docker save`,
// named by its content id. What is in an archive was checked when it came,
// layer by layer, against the digests in its configuration, so the id stands
// for the content whoever brought it.
package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// Store is a folder of images. Its methods may be called side by side, and by
// any number of processes.
type Store struct {
	dir    string
	getenv func(string) string
	idle   time.Duration // how long a registry may be silent

	mu     sync.Mutex
	looked map[string]looked // over, by content id
}

// looked is what an archive of ours was found to be. As long as the file is
// the same one, so is that.
type looked struct {
	file os.FileInfo
	cfg  imagefile.Config
}

// registryIdle is how long a pull may be without any progress.
const registryIdle = 60 * time.Second

// Open names the folder of a store, which need not be there yet, and where the
// environment is read from: for the Docker config with the logins of
// registries. It touches nothing.
func Open(dir string, getenv func(string) string) *Store {
	return &Store{dir: dir, getenv: getenv, idle: registryIdle, looked: map[string]looked{}}
}

// Stored is an image that the store has.
type Stored struct {
	Image backends.Image
	// Path is the archive: absolute if the store's folder is, readable by
	// all, and never changed under this name.
	Path    string
	Argv    []string // ENTRYPOINT and then CMD; empty: the image names no command
	Env     []string // K=V, of the image's own configuration
	User    string   // as the image says: name or uid, perhaps with :group; "" is root
	Workdir string   // "" when the image names none
}

// Resolve finds the image that a word means, as the docker backend does: the
// path of an archive, the path of a folder with a root file system, the name
// of an image in a registry, or a content id. What comes is in the store, and
// Lookup finds it by its id. say is told of progress and must not be nil.
// Missing is [backends.ErrImageNotFound], a registry that wants a login
// [backends.ErrImageDenied], a file that is no image [backends.ErrBadRequest].
func (s *Store) Resolve(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (backends.Image, error) {
	if err := ctx.Err(); err != nil {
		return backends.Image{}, err
	}
	if backends.IsImagePath(ref) {
		return s.fromPath(ctx, ref, say)
	}
	r, err := imageref.Parse(ref)
	if err != nil {
		return backends.Image{}, err
	}
	if pull != backends.PullAlways || r.Named == nil {
		img, err := s.local(r)
		if err == nil || !errors.Is(err, backends.ErrImageNotFound) {
			return img, err
		}
		if pull == backends.PullNever || r.Named == nil {
			return img, fmt.Errorf("image %s: %w", ref, err)
		}
	}
	return s.pull(ctx, r.Named, say)
}

// local finds an image that the store has.
func (s *Store) local(r imageref.Ref) (backends.Image, error) {
	if r.Named == nil {
		st, err := s.Lookup(r.ID)
		return st.Image, err
	}
	known, err := s.recall(r.Named.String())
	if err == nil {
		st, err := s.Lookup(known.ID)
		st.Image.Digest = known.Digest
		return st.Image, err
	}
	if errors.Is(err, backends.ErrImageNotFound) && r.Short != "" {
		if found, gerr := filepath.Glob(filepath.Join(s.dir, r.Short+"*"+archiveEnd)); gerr == nil && len(found) == 1 {
			st, err := s.Lookup(imageref.IDPrefix + strings.TrimSuffix(filepath.Base(found[0]), archiveEnd))
			return st.Image, err
		}
	}
	return backends.Image{}, err
}

const archiveEnd = ".tar"

// path is where the archive with a content id lies. The id must be one.
func (s *Store) path(id string) string {
	return filepath.Join(s.dir, strings.TrimPrefix(id, imageref.IDPrefix)+archiveEnd)
}

// Lookup finds an image by its full content id. The file is looked over: that
// it is whole and that its configuration is the one that the id names. One
// that is not is [backends.ErrImageNotFound] and says how to bring it again.
func (s *Store) Lookup(id string) (Stored, error) {
	if !imageref.IsID(id) {
		return Stored{}, fmt.Errorf("%w: %.100q is no content id", backends.ErrImageNotFound, id)
	}
	f, err := os.Open(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		// an engine may name an image by its manifest
		if known, err := s.recall(id); err == nil && known.ID != id {
			return s.Lookup(known.ID)
		}
		return Stored{}, fmt.Errorf("%w: it is not in %s", backends.ErrImageNotFound, s.dir)
	}
	if err != nil {
		return Stored{}, err
	}
	defer f.Close()
	cfg, err := s.lookOver(f, id)
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %s is kept, but %w; start with --image brings it again, or --pull always", backends.ErrImageNotFound, f.Name(), err)
	}
	img := imageOf(id, cfg)
	img.Digest = s.digestOf(id)
	return Stored{Image: img, Path: f.Name(), Argv: cfg.Argv, Env: cfg.Env, User: cfg.User, Workdir: cfg.Workdir}, nil
}

// lookOver is check, once for a file.
func (s *Store) lookOver(f *os.File, id string) (imagefile.Config, error) {
	st, err := f.Stat()
	if err != nil {
		return imagefile.Config{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.looked[id]; ok && os.SameFile(l.file, st) && l.file.Size() == st.Size() && l.file.ModTime().Equal(st.ModTime()) {
		return l.cfg, nil
	}
	cfg, err := check(f, id)
	if err == nil {
		s.looked[id] = looked{st, cfg}
	}
	return cfg, err
}

// check looks an archive of ours over: everything but the bytes of its layers,
// which were checked when it was written.
func check(f io.ReadSeeker, id string) (imagefile.Config, error) {
	c, err := imagefile.Scan(f)
	if err != nil {
		return imagefile.Config{}, err
	}
	if c.ID != id {
		return imagefile.Config{}, fmt.Errorf("%w: its configuration is that of %s", imagefile.ErrDamaged, c.ID)
	}
	text, err := readSpan(f, c.Config)
	if err != nil {
		return imagefile.Config{}, err
	}
	cfg, err := imagefile.ParseConfig(text)
	if err == nil && len(cfg.Layers) != len(c.Layers) {
		err = fmt.Errorf("%w: it has %d layers of %d", imagefile.ErrDamaged, len(c.Layers), len(cfg.Layers))
	}
	return cfg, err
}

// readSpan reads a small file out of an archive.
func readSpan(f io.ReadSeeker, at imagefile.Span) ([]byte, error) {
	if _, err := f.Seek(at.Offset, io.SeekStart); err != nil {
		return nil, err
	}
	text := make([]byte, min(at.Size, imagefile.MaxMeta))
	_, err := io.ReadFull(f, text)
	return text, err
}

func imageOf(id string, cfg imagefile.Config) backends.Image {
	return backends.Image{ID: id, Arch: cfg.Arch, User: cfg.User, Runs: len(cfg.Argv) > 0}
}
