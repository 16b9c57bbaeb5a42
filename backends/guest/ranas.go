package guest

import (
	"slices"
	"strconv"
	"strings"
)

// ReadRunArgv reads back what [RunArgv] wrote: the program's path, its options
// and the agent's argv. Options of a newer program are passed over. ok is
// false for words that are another program's.
func ReadRunArgv(words []string) (program string, o RunOptions, argv []string, ok bool) {
	end := slices.Index(words, "--")
	if end < 2 || words[1] != "run" || !strings.HasSuffix(words[0], "/"+ProgramName) {
		return "", RunOptions{}, nil, false
	}
	for _, word := range words[2:end] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "--tty":
			o.TTY = true
		case "--stdin":
			o.Stdin = true
		case "--stay":
			o.Stay = true
		case "--values":
			o.Values = true
		case "--keep-home":
			o.KeepHome = true
		case "--user":
			o.User = value
		case "--home":
			o.Home = value
		case "--workdir":
			o.Workdir = value
		case "--pids":
			o.Pids, _ = strconv.ParseInt(value, 10, 64) // what is none is no limit
		}
	}
	return words[0], o, words[end+1:], true
}
