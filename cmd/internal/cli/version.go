package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// Version is set when the program is linked: a tag, or a commit.
var Version = "unversioned"

// Build says which program this is.
type Build struct {
	Version string
	Commit  string // "" when it was not recorded
	Go      string
}

// build reads what the linker and the compiler left in the program.
func build() Build {
	b := Build{Version: Version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}

// versionCmd is `version`.
type versionCmd struct{}

func (*versionCmd) run(_ context.Context, c *call) error {
	b := c.env.Build
	if b.Commit == "" || b.Go == "" {
		own := build()
		b.Commit, b.Go = orElse(b.Commit, own.Commit), orElse(b.Go, own.Go)
	}
	if c.Output == asJSON || c.Output == asLines {
		j := newDocument()
		j.str("version", b.Version).opt("commit", b.Commit).str("go", b.Go).num("log_schema", migrations.Latest)
		c.document(j)
		return nil
	}
	fmt.Fprintf(c.out, "bot-bottle %s (%s, log schema %d)\n", b.Version, b.Go, migrations.Latest)
	return nil
}
