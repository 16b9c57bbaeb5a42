package cli

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// rebuildCmd is `rebuild`.
type rebuildCmd struct {
	Check bool `help:"Compare the tables with the log and change nothing; exit 6 when they differ."`
}

func (r *rebuildCmd) run(ctx context.Context, c *call) error {
	l, err := c.reader(ctx)
	if l == nil || err != nil {
		if err == nil {
			c.printReport(projections.Report{})
		}
		return err
	}
	if r.Check {
		return r.compare(ctx, c, l)
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	n, err := m.Tables.RebuildLog(ctx, m.Log)
	if err != nil {
		return err
	}
	c.printReport(projections.Report{Events: n})
	return nil
}

func (r *rebuildCmd) compare(ctx context.Context, c *call, l *log) error {
	var report projections.Report
	err := l.View(ctx, func(v *events.View) (err error) {
		report, err = projections.Check(ctx, v)
		return err
	})
	if err != nil {
		return err
	}
	c.printReport(report)
	if n := len(report.Differences); n > 0 {
		return &problem{Code: codeDrift, Message: fmt.Sprintf("rebuild: the tables differ from the log in %d places", n), Next: "bot-bottle rebuild"}
	}
	return nil
}

// printReport says how the tables stand to the log.
func (c *call) printReport(r projections.Report) {
	ok := len(r.Differences) == 0
	if c.structured() {
		j := newDocument()
		j.bool("ok", ok).num("events", r.Events).optNum("first_bad_seq", r.FirstBadSeq, r.FirstBadSeq > 0)
		j.open("differences", '[')
		for _, d := range r.Differences {
			j.str("", d.String())
		}
		j.close(']')
		c.document(j)
		return
	}
	for _, d := range r.Differences {
		c.out.WriteString(safe(d.String()) + "\n")
	}
	if ok {
		fmt.Fprintf(c.out, "%d events: the tables are what the log makes of them\n", r.Events)
	}
}
