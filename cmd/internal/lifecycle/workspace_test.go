package lifecycle_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// A guest can leave a .git file in its work tree that names any folder of the
// host: the next start must not mount it. A work tree and a submodule of
// git's own are known by what points back.
func TestPointerOfAGitDirectoryMustBeReturned(t *testing.T) {
	src := repo(t)
	linked := filepath.Join(t.TempDir(), "linked")
	runGit(t, src, "worktree", "add", "-q", linked)
	runGit(t, src, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", repo(t), "sub")
	for _, dir := range []string{linked, filepath.Join(src, "sub")} {
		if _, err := lifecycle.GitMounts(dir, false); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.MkdirAll(victim, 0o755))
	planted := t.TempDir()
	for name, plant := range map[string]func(){
		"any folder":           func() {},
		"another's work tree":  func() { victim = filepath.Join(src, ".git", "worktrees", "linked") },
		"another's submodule":  func() { victim = filepath.Join(src, ".git", "modules", "sub") },
		"another's repository": func() { victim = filepath.Join(src, ".git") },
		"a folder it made itself": func() {
			victim = filepath.Join(planted, "inner")
			must(t, os.MkdirAll(victim, 0o755))
			must(t, os.WriteFile(filepath.Join(victim, "commondir"), []byte(filepath.Join(src, ".git")), 0o644))
			must(t, os.WriteFile(filepath.Join(victim, "gitdir"), []byte(filepath.Join(planted, ".git")), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			plant()
			must(t, os.WriteFile(filepath.Join(planted, ".git"), []byte("gitdir: "+victim+"\n"), 0o644))
			for _, readOnly := range []bool{false, true} {
				mounts, err := lifecycle.GitMounts(planted, readOnly)
				var no *lifecycle.Problem
				if !errors.As(err, &no) || no.Code != lifecycle.CodeUsage {
					t.Errorf("read-only %v: %v, %v", readOnly, mounts, err)
				}
			}
		})
	}
}
