package backends

import (
	"context"
	"io"
	"os"
	"strings"
)

// ImageExporter is a backend that can give an image away.
type ImageExporter interface {
	// ExportImage writes the image with a content id as an archive in the
	// format of `docker save`. Missing is [ErrImageNotFound].
	ExportImage(ctx context.Context, id string, w io.Writer) error
}

// ImageImporter is a backend that can be given an image of another one.
type ImageImporter interface {
	// ImportImage takes the archive of an image that another backend resolved
	// as want, and returns it as ResolveImage would: from then on its id
	// names it here. An archive of another image is [ErrBadRequest].
	ImportImage(ctx context.Context, want Image, r io.Reader) (Image, error)
}

// IsImagePath says whether the word for an image is a path, of an archive or
// of a folder, and not a name: one that begins like a path, or a tar file
// that is there. It is the same on every backend.
func IsImagePath(word string) bool {
	if strings.HasPrefix(word, "/") || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") {
		return true
	}
	for _, end := range []string{".tar", ".tar.gz", ".tgz"} {
		if strings.HasSuffix(word, end) {
			st, err := os.Stat(word)
			return err == nil && st.Mode().IsRegular()
		}
	}
	return false
}
