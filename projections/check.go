package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Difference is something that the tables hold and the log does not say, or
// the other way round.
type Difference struct {
	Table  string // bottles, resources, projection, or the name of an index
	Bottle string // its id; "" when it is not about one
	Slug   string //
	Field  string // a column; "row" when the whole row is too much or missing; "schema"
	Log    string // what the log says
	Tables string // what the tables hold
	Seq    int64  // of the bottle's last event; 0 when the log has no such bottle
}

func (d Difference) String() string {
	s := d.Table + " " + d.Field
	if d.Bottle != "" {
		s = fmt.Sprintf("bottle %s (%s): %s", d.Slug, d.Bottle, s)
	}
	return fmt.Sprintf("%s: the log says %s, the tables %s", s, d.Log, d.Tables)
}

// Report is what a check found.
type Report struct {
	Events      int64 // how many the log holds
	Differences []Difference
	// FirstBadSeq is the least Seq of the differences: from there on at the
	// latest the tables have not followed the log. 0: none, or not known.
	FirstBadSeq int64
}

// Check folds the log afresh and compares the outcome with the tables, row by
// row. It changes nothing. An event that cannot be read, or that a newer
// program wrote, is an error of package events and no difference.
func Check(ctx context.Context, v *events.View) (Report, error) {
	f := newFolding()
	if err := f.read(ctx, v); err != nil {
		return Report{Events: f.seq}, fmt.Errorf("check: %w", err)
	}
	c := checking{folding: f}
	wrongs, err := wrongObjects(ctx, v)
	if err != nil {
		return c.Report, fmt.Errorf("check: %w", err)
	}
	broken := map[string]bool{}
	for _, w := range wrongs {
		broken[w.name] = true
		c.differ(Difference{Table: w.name, Field: "schema", Log: "as made", Tables: w.how})
	}
	for _, t := range []struct {
		name    string
		compare func(context.Context, *events.View) error
	}{{"bottles", c.bottleRows}, {"resources", c.resourceRows}, {"projection", c.checkpoint}} {
		if broken[t.name] {
			continue
		}
		if err := t.compare(ctx, v); err != nil {
			return c.Report, fmt.Errorf("check table %s: %w", t.name, err)
		}
	}
	c.Events = f.seq
	slices.SortStableFunc(c.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Bottle, b.Bottle),
			cmp.Compare(a.Table, b.Table), cmp.Compare(a.Tables, b.Tables))
	})
	return c.Report, nil
}

type checking struct {
	*folding
	Report
}

func (c *checking) differ(d Difference) {
	if d.Seq > 0 && (c.FirstBadSeq == 0 || d.Seq < c.FirstBadSeq) {
		c.FirstBadSeq = d.Seq
	}
	c.Differences = append(c.Differences, d)
}
