package lifecycle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// A kind that mounts folders only takes a git work tree all the same: nothing
// of it looks guarded, and start says so.
func TestWorkTreeWhereFilesCannotBeMounted(t *testing.T) {
	src := repo(t)
	linked := filepath.Join(t.TempDir(), "linked")
	runGit(t, src, "worktree", "add", "-q", linked)
	folders := fake.MachineKind("folders")
	folders.Supports = func(s backends.InstanceSpec) (refused []string) {
		for _, m := range s.Mounts {
			if st, err := os.Stat(m.Source); err == nil && !st.IsDir() {
				refused = append(refused, "the mount of "+m.Source)
			}
		}
		return refused
	}
	w := newWorld(t)
	w.Backends = backends.NewRegistry(fake.Kind("all"), folders)
	for _, tc := range []struct {
		kind, dir, warning string
		guards, outside    int // mounts of the git directory, and those outside of the tree
	}{
		{"all", src, "are read-only for the bottle", 6, 0},
		{"folders", src, "cannot make its config and hooks read-only", 0, 0},
		{"folders", linked, "cannot make its config and hooks read-only", 1, 1},
	} {
		r := request("one")
		r.Backend, r.Workspace = tc.kind, tc.dir
		p, err := w.Plan(t.Context(), r)
		must(t, err)
		if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], tc.warning) || !strings.Contains(p.Warnings[0], "--clone") {
			t.Errorf("%s of %s warns %q", tc.kind, tc.dir, p.Warnings)
		}
		outside := 0
		for _, m := range p.Created.Mounts {
			if !strings.HasPrefix(m.Source, tc.dir+"/") {
				outside++
			}
		}
		if n := len(p.Created.Mounts); n != tc.guards || outside != tc.outside {
			t.Errorf("%s of %s mounts %v besides the tree", tc.kind, tc.dir, p.Created.Mounts)
		}
	}
	// What the user asks for himself is still refused.
	r := request("two")
	r.Backend, r.Volumes = "folders", []string{filepath.Join(src, "a.txt") + ":/a.txt"}
	if _, err := w.Plan(t.Context(), r); err == nil || !strings.Contains(err.Error(), "a.txt") {
		t.Errorf("a file as a mount: %v", err)
	}
}
