package smolmachines

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// smolvmCache is the folder below a data root with the machines of smolvm.
var smolvmCache = filepath.Join(".cache", "smolvm")

// openToOthers is the gap of machines that other users of this host can reach.
// smolvm 1.32.2 makes the socket of a machine's agent, which obeys whoever
// connects, with the mode 0777 and the log of its output with 0644, in folders
// of 0755. A folder above them that others cannot enter is all that keeps them
// out.
//
// The fix is for smolvm's own folder where SMOLVM_DATA_DIR names the root: each
// call of smolvm makes such a root 0755 again. A home it leaves as it is.
func (b *Backend) openToOthers() (backends.Gap, bool) {
	cache := filepath.Join(b.root, smolvmCache)
	for dir := cache; ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err != nil || st.Mode().Perm()&0o001 == 0 {
			return backends.Gap{}, false // others cannot go in, or nothing is there
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	shut := cache
	if b.root == b.getenv("HOME") {
		shut = b.root
	}
	return backends.Gap{ID: "smolmachines.private", Fix: "chmod 700 " + quoted(shut),
		Detail: "other users of this host can enter " + cache + ", read what agents print and give their machines commands"}, true
}

// shut makes smolvm's folder where there is none yet, for its owner alone. It
// stays so: smolvm takes a folder that is there as it is.
func (b *Backend) shut() error { return os.MkdirAll(filepath.Join(b.root, smolvmCache), 0o700) }

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./@%+=:,-]+$`)

// quoted is a path as one word of the shell.
func quoted(path string) string {
	if plainWord.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
