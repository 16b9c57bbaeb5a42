package smolmachines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// TestCreationsLeaveTheirArchiveWhole: of two first creations from one archive
// at once, smolvm's second empties the archive, ours and its own.
func TestCreationsLeaveTheirArchiveWhole(t *testing.T) {
	s := fakeProgram(t)
	plan(t, s.root, fakesmolvm.Faults{LinkDelay: 200 * time.Millisecond})
	image := imageArchive(t, map[string]any{"Cmd": []string{"sleep", "3600"}})
	var all sync.WaitGroup
	for i := range 3 {
		b := s.open(t) // another process's
		name := fmt.Sprintf("bottle-%d", i)
		t.Cleanup(func() { s.remove(t, name) })
		all.Go(func() {
			img, err := b.ResolveImage(t.Context(), image, backends.PullNever, func(backends.Progress) {})
			if err == nil {
				_, err = b.Create(t.Context(), backends.InstanceSpec{Name: name, Slug: name, Image: img, Network: "none",
					Labels: backends.Labels{Home: "home", Bottle: "b", Nonce: name, Generation: 1}})
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
	kept, err := filepath.Glob(filepath.Join(s.root, ".cache/smolvm-image-archives/*/archive.tar"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("archives in the cache: %v, %v", kept, err)
	}
	if st, err := os.Stat(kept[0]); err != nil || st.Size() == 0 {
		t.Errorf("the archive in the cache: %v, %v", st, err)
	}
}
