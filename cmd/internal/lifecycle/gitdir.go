package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// commonGitDir finds the git directory that a .git file means: of a linked
// work tree the common one (gitrepository-layout: "gitdir: PATH", and there a
// file commondir with a path relative to it), of a submodule its own. A guest
// that had the work tree before may have written that file: what it names is
// believed only when it points back, from where no guest could write.
func commonGitDir(dotFile string) (string, error) {
	dir, err := pathIn(dotFile, "gitdir: ")
	if err != nil {
		return "", err
	}
	common, err := pathIn(filepath.Join(dir, "commondir"), "")
	if os.IsNotExist(err) {
		back, err := pathIn(filepath.Join(dir, "config"), "worktree = ")
		if err != nil || !sameFile(back, filepath.Dir(dotFile)) {
			return "", fmt.Errorf("%s is not the git directory of a submodule there: use --clone", dir)
		}
		return dir, nil
	}
	if err != nil {
		return "", err
	}
	back, err := pathIn(filepath.Join(dir, "gitdir"), "")
	if err != nil || !sameFile(back, dotFile) || !sameFile(filepath.Dir(dir), filepath.Join(common, "worktrees")) {
		return "", fmt.Errorf("%s is not the git directory of a work tree there: use --clone", dir)
	}
	return common, nil
}

// pathIn reads the path that stands in a file of git's behind a word,
// relative to the file's folder.
func pathIn(file, word string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), word); ok && p != "" {
			if !filepath.IsAbs(p) {
				p = filepath.Join(filepath.Dir(file), p)
			}
			return filepath.Clean(p), nil
		}
	}
	return "", fmt.Errorf("%s does not say %q", file, word)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
