package fakesmolvm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keepArchive puts an image archive into the cache of archives, as smolvm
// 1.32.2 does (its calls of the system, watched while two were at it): one that
// is not there is linked, and where no link can be made it is copied. Of two
// that find it missing at once, the second one's copy goes onto the first one's
// link. That is the archive itself, which a copy empties before it reads.
func (w *world) keepArchive(image string) error {
	text, err := os.ReadFile(image)
	if err != nil {
		return nil // who unpacks it says what is wrong with it
	}
	sum := sha256.Sum256(text)
	kept := filepath.Join(w.dir, ".cache", "smolvm-image-archives", hex.EncodeToString(sum[:]), "archive.tar")
	if _, err := os.Stat(kept); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return err
	}
	time.Sleep(w.faults.LinkDelay)
	if os.Link(image, kept) == nil {
		return nil
	}
	f, err := os.OpenFile(kept, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if text, err = os.ReadFile(image); err == nil {
		_, err = f.Write(text)
	}
	return errors.Join(err, f.Close())
}
