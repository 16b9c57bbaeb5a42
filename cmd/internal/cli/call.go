package cli

import (
	"path/filepath"
)

// call is one run of the program: its flags, its streams, what it has open.
type call struct {
	everywhere
	env      Env
	command  string // the verb, for the origin
	out      *stdout
	progress *progress
	guest    guestCodes
	// reports is set when stdout stands whatever the exit code says.
	reports bool

	acts    bool           // the verb writes: it looks with what it will write with
	log     *log           // nil until something looks
	writing *writer        // nil until something writes
	opened  []func() error // to close, last first
}

// guestCodes says whether the exit code is the guest's own, so that a failure
// of ours has to end with 125, 126 or 127.
type guestCodes int

const (
	guestNever    guestCodes = iota
	guestAlways              // exec, shell, attach
	guestButUsage            // start and resume in the foreground: a wrong command line is 2 in either mode
)

func (c *call) getenv(name string) string {
	v, _ := c.env.Getenv(name)
	return v
}

// homeFolder is where the records are: --home, BOT_BOTTLE_HOME, ~/.bot-bottle.
func (c *call) homeFolder() (string, error) {
	dir := orElse(c.Home, c.getenv("BOT_BOTTLE_HOME"))
	if dir == "" {
		user := c.getenv("HOME")
		if user == "" {
			return "", usageError("no home: set HOME, BOT_BOTTLE_HOME or --home")
		}
		dir = filepath.Join(user, ".bot-bottle")
	}
	if !filepath.IsAbs(dir) {
		if c.env.Cwd == "" {
			return "", usageError("the home " + dir + " is relative and the current folder is gone")
		}
		dir = filepath.Join(c.env.Cwd, dir)
	}
	return filepath.Clean(dir), nil
}

// later has something closed when the call ends.
func (c *call) later(f func() error) { c.opened = append(c.opened, f) }

// close closes what was opened. Everything that matters is durable by then:
// an error here has no consequence that a user could act on.
func (c *call) close() {
	_ = c.doneLooking()
	for i := len(c.opened) - 1; i >= 0; i-- {
		_ = c.opened[i]()
	}
	c.opened = nil
}
