package lifecycle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxRef bounds a ref file: a hash, or a name in its place.
const maxRef = 4096

// readRefs reads the refs of a work tree, with HEAD and the stash's older
// entries, without git (the layout of gitrepository-layout): name to commit.
// more says what else holds commits, in places that are not read. No link is
// followed, since a guest can write there.
func readRefs(tree string) (refs map[string]string, more string, err error) {
	top, err := os.OpenRoot(tree)
	if err != nil {
		return nil, "", err
	}
	defer top.Close()
	if st, err := top.Lstat(".git"); err != nil {
		return nil, "", err
	} else if !st.IsDir() {
		return nil, "", fmt.Errorf("the git directory of %s is elsewhere", tree)
	}
	root, err := top.OpenRoot(".git")
	if err != nil {
		return nil, "", err
	}
	defer root.Close()
	for dir, what := range map[string]string{"modules": "repositories of submodules", "worktrees": "linked work trees"} {
		if _, err := root.Lstat(dir); err == nil {
			return nil, what + ", which are not compared", nil
		}
	}
	refs = map[string]string{}
	err = lines(root, "packed-refs", func(line string) {
		if hash, name, ok := strings.Cut(line, " "); ok && isHash(hash) {
			refs[name] = hash
		}
	})
	older := 0
	if err == nil { // OLD NEW who when, oldest first
		err = lines(root, "logs/refs/stash", func(line string) {
			if f := strings.Fields(line); len(f) > 1 && isHash(f[1]) {
				older++
				refs[fmt.Sprintf("entry %d of the stash", older)] = f[1]
			}
		})
	}
	if err == nil {
		err = looseRefs(root, refs)
	}
	return refs, "", err
}

// looseRefs reads the refs that have a file each, and HEAD.
func looseRefs(root *os.Root, refs map[string]string) error {
	err := fs.WalkDir(root.FS(), "refs", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := regular(root, p, maxRef)
		if err != nil {
			return err
		}
		if hash := strings.TrimSpace(text); isHash(hash) {
			refs[p] = hash
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	head, err := regular(root, "HEAD", maxRef)
	if err != nil {
		return err
	}
	head = strings.TrimSpace(head)
	if name, ok := strings.CutPrefix(head, "ref: "); ok {
		head = refs[name]
	}
	if isHash(head) {
		refs["HEAD"] = head
	}
	return nil
}

// lines reads a file line by line; one that is missing has none.
func lines(root *os.Root, name string, each func(string)) error {
	text, err := regular(root, name, 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for line := range strings.Lines(text) {
		each(strings.TrimSuffix(line, "\n"))
	}
	return err
}

// regular reads a small regular file below root, whatever else lies there or
// takes its place meanwhile: a pipe would keep us waiting.
func regular(root *os.Root, name string, most int64) (string, error) {
	st, err := root.Lstat(name)
	if err != nil {
		return "", err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || !os.SameFile(st, opened) || st.Size() > most {
		return "", fmt.Errorf("%s is not a plain file of git's", filepath.Join(root.Name(), name))
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	return string(b), err
}

func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
