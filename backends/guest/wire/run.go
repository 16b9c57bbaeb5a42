package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RunOptions say how the main process runs.
type RunOptions struct {
	TTY   bool
	Stdin bool // keep its stdin open for attach; it is empty otherwise
	// User is uid[:gid] or name[:group], looked up inside the instance; "" is
	// the user that the engine starts the program as.
	User string
	// Home is HOME for a user without an entry in /etc/passwd; "": /.
	Home string
	// KeepHome says that HOME is one of the instance's own variables, so it
	// stays as it is. Otherwise it is the user's, whatever the engine set.
	KeepHome bool
	Workdir  string // "": /
	// Values says that the values of the agent's variables come on stdin at each
	// start, as OpValues.
	Values bool
	// Stay says that the program goes on when the agent has ended, until it is
	// told to end, and ends with the agent's code then. Its end is recorded and
	// told as ever, and who attaches sees the last screen.
	Stay bool
	// Pids is how many processes and threads the agent and all later commands
	// have together; 0: no limit. Where the kernel inside cannot hold it the
	// run goes on without and says so in its record. Root inside can lift it.
	Pids int64
}

// option is one of the words for them: its value is one of the pointers.
type option struct {
	name string
	on   *bool
	text *string
	n    *int64
}

// options is the one list of them, for who writes the words and who reads them.
func (o *RunOptions) options() []option {
	return []option{
		{name: "--tty", on: &o.TTY}, {name: "--stdin", on: &o.Stdin}, {name: "--keep-home", on: &o.KeepHome},
		{name: "--stay", on: &o.Stay}, {name: "--values", on: &o.Values},
		{name: "--user", text: &o.User}, {name: "--home", text: &o.Home}, {name: "--workdir", text: &o.Workdir},
		{name: "--pids", n: &o.Pids},
	}
}

// Words are the options and the agent's argv as words of a command line.
func (o RunOptions) Words(argv []string) (words []string) {
	for _, opt := range o.options() {
		switch {
		case opt.on != nil && *opt.on:
			words = append(words, opt.name)
		case opt.text != nil && *opt.text != "":
			words = append(words, opt.name+"="+*opt.text)
		case opt.n != nil && *opt.n > 0:
			words = append(words, opt.name+"="+strconv.FormatInt(*opt.n, 10))
		}
	}
	return append(append(words, "--"), argv...)
}

// ReadRun reads what [RunOptions.Words] wrote. odd is asked about each word that
// is no option, or one with a value that it cannot have: an error of its ends
// the reading, and nil passes over the word.
func ReadRun(words []string, odd func(error) error) (o RunOptions, argv []string, err error) {
	all := o.options()
	for i, word := range words {
		if word == "--" {
			return o, words[i+1:], nil
		}
		name, value, _ := strings.Cut(word, "=")
		at := slices.IndexFunc(all, func(opt option) bool { return opt.name == name })
		if at < 0 {
			if err := odd(fmt.Errorf("run has no option %q", word)); err != nil {
				return o, nil, err
			}
			continue
		}
		switch opt := all[at]; {
		case opt.on != nil:
			*opt.on = true
		case opt.text != nil:
			*opt.text = value
		default:
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 1 {
				if err := odd(fmt.Errorf("%q is no number of processes", value)); err != nil {
					return o, nil, err
				}
				n = 0 // what is none is no limit
			}
			*opt.n = n
		}
	}
	return o, nil, errors.New("there is no -- before the command")
}
