package docker_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// TestExportImage reads back what the engine saves: it is the very image.
func TestExportImage(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	var out bytes.Buffer
	if err := b.ExportImage(t.Context(), img.ID, &out); err != nil {
		t.Fatal(err)
	}
	id, err := docker.ArchiveID(bytes.NewReader(out.Bytes()))
	if err != nil || id != img.ID {
		t.Errorf("saved as %s, %v; want %s", id, err, img.ID)
	}
	if err := b.ExportImage(t.Context(), "sha256:"+strings.Repeat("0", 64), &out); !errors.Is(err, backends.ErrImageNotFound) {
		t.Errorf("an image that is not there: %v", err)
	}
	full := errors.New("no room")
	if err := b.ExportImage(t.Context(), img.ID, failing{full}); !errors.Is(err, full) {
		t.Errorf("to a full disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
