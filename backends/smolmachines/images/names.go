package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// named is what the store remembers of a name: what it meant when it was
// asked for last.
type named struct {
	Name   string `json:"name"` // in full, or an id that another engine uses
	ID     string `json:"id"`
	Digest string `json:"digest,omitempty"` // name@sha256:…, as docker writes it
}

const (
	namesDir = "names"
	nameEnd  = ".json"
	// maxName bounds a file of a name, in bytes.
	maxName = 64 << 10
)

// nameFile is where a name is remembered: names may hold anything, and are
// longer than file names may be.
func (s *Store) nameFile(name string) string {
	return filepath.Join(s.dir, namesDir, strings.TrimPrefix(imagefile.Digest([]byte(name)), imageref.IDPrefix)+nameEnd)
}

// remember writes down what a name means.
func (s *Store) remember(n named) error {
	if err := s.makeDir(filepath.Join(s.dir, namesDir)); err != nil {
		return err
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Join(s.dir, namesDir), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), s.nameFile(n.Name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// recall finds what a name means. A file that cannot be read as one is as good
// as none: the name is asked for again.
func (s *Store) recall(name string) (named, error) {
	n, err := readName(s.nameFile(name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && (n.Name != name || !imageref.IsID(n.ID)) {
		return named{}, fmt.Errorf("%w: it is not in %s", backends.ErrImageNotFound, s.dir)
	}
	return n, err
}

func readName(path string) (n named, err error) {
	f, err := os.Open(path)
	if err != nil {
		return n, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxName))
	if err == nil && json.Unmarshal(text, &n) != nil {
		n = named{}
	}
	return n, err
}

// digestOf finds a digest by which a registry knows an image, "" for none.
func (s *Store) digestOf(id string) string {
	files, err := filepath.Glob(filepath.Join(s.dir, namesDir, "*"+nameEnd))
	if err != nil {
		return ""
	}
	for _, file := range files {
		if n, err := readName(file); err == nil && n.ID == id && n.Digest != "" {
			return n.Digest
		}
	}
	return ""
}
