package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// cleanupCmd is `cleanup`.
type cleanupCmd struct {
	StoppedFor span `placeholder:"D" help:"Also remove bottles that have been stopped for so long, as in 30d."`
	DryRun     bool `help:"Show the plan only."`
}

func (u *cleanupCmd) run(ctx context.Context, c *call) error {
	if r, err := c.reader(ctx); r == nil || err != nil {
		if err == nil {
			err = c.plan(nil)
		}
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	plan, err := m.CleanupPlan(ctx, time.Duration(u.StoppedFor))
	if err != nil {
		return err
	}
	work := countWork(plan)
	if work == 0 || u.DryRun {
		return c.planned(plan)
	}
	if !c.Yes {
		c.tell(plan)
	}
	ok, err := c.ask(ctx, fmt.Sprintf("Remove %d of these?", work))
	if err != nil {
		return err
	}
	if !ok {
		if err := c.plan(plan); err != nil {
			return err
		}
		return &problem{Code: codeDeclined, Message: "cleanup: nothing was removed", Next: "bot-bottle cleanup --yes"}
	}
	if plan, err = m.Cleanup(ctx, plan); err != nil {
		return err
	}
	return c.planned(plan)
}

// countWork counts the lines of a plan that do something: a line that keeps
// only tells.
func countWork(plan []lifecycle.PlanItem) (n int) {
	for _, p := range plan {
		if p.Action != "keep" {
			n++
		}
	}
	return n
}

// planned prints a plan and fails when a line of it did.
func (c *call) planned(plan []lifecycle.PlanItem) error {
	if err := c.plan(plan); err != nil {
		return err
	}
	failed := 0
	for _, p := range plan {
		if p.Err != nil {
			f := explain(p.Err)
			f.Bottle = orElse(f.Bottle, p.Bottle)
			if c.Output != asJSON && c.Output != asLines {
				c.complain(f)
			}
			failed++
		}
	}
	if failed > 0 {
		next := "bot-bottle doctor"
		if c.command == "import" { // most often it is a record, and no engine
			next = "bot-bottle import, once what is named above is mended"
		}
		return &problem{Code: codePartlyDone, Message: fmt.Sprintf("%s: %d of %d could not be done", c.command, failed, len(plan)), Next: next}
	}
	return nil
}

// plan prints what is or was to be done.
func (c *call) plan(items []lifecycle.PlanItem) error {
	return listing[lifecycle.PlanItem]{
		key: "plan", items: items, item: planItem,
		name: func(p lifecycle.PlanItem) string { return p.Bottle },
		columns: []column[lifecycle.PlanItem]{
			{name: "action", value: func(p lifecycle.PlanItem) string { return p.Action }},
			{name: "bottle", value: func(p lifecycle.PlanItem) string { return p.Bottle }},
			{name: "backend", value: func(p lifecycle.PlanItem) string { return p.Backend }},
			{name: "done", value: func(p lifecycle.PlanItem) string { return yesNo(p.Done) }},
			{name: "detail", value: func(p lifecycle.PlanItem) string { return p.Detail }},
		},
	}.print(c)
}

// tell shows a plan on stderr, where the question will be.
func (c *call) tell(items []lifecycle.PlanItem) {
	c.progress.end()
	for _, p := range slices.Clip(items) {
		fmt.Fprintf(c.env.Stderr, "  %s %s%s\n", safe(p.Action), prefixed(p.Bottle), safe(p.Detail))
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
