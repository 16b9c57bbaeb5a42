package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
)

// importCmd is `import`: records of upstream's, the Python tool of the same
// name, become bottles.
type importCmd struct {
	Path   string `arg:"" optional:"" help:"Upstream's root, which holds the folder state; ~/.bot-bottle unless given."`
	DryRun bool   `help:"Show what would be imported."`
}

func (i *importCmd) run(ctx context.Context, c *call) error {
	root, err := i.root(c)
	if err == nil {
		err = lifecycle.CheckUpstream(root)
	}
	if err != nil {
		return err
	}
	// what a record that names no backend was made with, whatever else a new
	// bottle would get today
	r := lifecycle.ImportRequest{Root: root, Fallback: docker.Name}
	var plan []lifecycle.PlanItem
	if i.DryRun {
		m, err := c.planner(nil)
		if err != nil {
			return err
		}
		plan, err = m.PlanImport(ctx, r, func(f func(*events.View) error) error {
			return c.look(ctx, func(g *glance) error { return f(g.View) })
		})
		if err != nil {
			return err
		}
	} else {
		m, err := c.manager(ctx, nil)
		if err != nil {
			return err
		}
		if plan, err = m.Import(ctx, r); err != nil {
			return err
		}
	}
	return c.planned(plan)
}

// root is where upstream's records lie: beside our own unless it is said.
func (i *importCmd) root(c *call) (string, error) {
	dir := i.Path
	switch {
	case dir == "" && c.getenv("HOME") == "":
		return "", usageError("import: HOME is not set: name upstream's root")
	case dir == "":
		dir = filepath.Join(c.getenv("HOME"), ".bot-bottle")
	case !filepath.IsAbs(dir):
		if c.env.Cwd == "" {
			return "", usageError(fmt.Sprintf("import: %s is relative and the current folder is gone", clip(dir)))
		}
		dir = filepath.Join(c.env.Cwd, dir)
	}
	return filepath.Clean(dir), nil
}
