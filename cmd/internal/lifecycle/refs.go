package lifecycle

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxRef bounds a ref file: a hash, or a name in its place.
const maxRef = 4096

// readRefs reads a git directory's refs and HEAD without git (the layout of
// gitrepository-layout): name to commit. No link is followed, since a guest
// can write there.
func readRefs(git string) (map[string]string, error) {
	root, err := os.OpenRoot(git)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	refs := map[string]string{}
	if packed, err := regular(root, "packed-refs", 64<<20); err == nil {
		sc := bufio.NewScanner(strings.NewReader(packed))
		for sc.Scan() {
			if hash, name, ok := strings.Cut(sc.Text(), " "); ok && isHash(hash) {
				refs[name] = hash
			}
		}
	}
	err = fs.WalkDir(root.FS(), "refs", func(p string, d fs.DirEntry, err error) error {
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
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	head, err := regular(root, "HEAD", maxRef)
	if err != nil {
		return nil, err
	}
	head = strings.TrimSpace(head)
	if name, ok := strings.CutPrefix(head, "ref: "); ok {
		head = refs[name]
	}
	if isHash(head) {
		refs["HEAD"] = head
	}
	return refs, nil
}

// regular reads a small regular file below root, whatever else lies there.
func regular(root *os.Root, name string, most int64) (string, error) {
	st, err := root.Lstat(name)
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Size() > most {
		return "", fmt.Errorf("%s is not a plain file of git's", filepath.Join(root.Name(), name))
	}
	b, err := root.ReadFile(name)
	return string(b), err
}

func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
