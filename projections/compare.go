package projections

import (
	"context"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// The comparisons of [Check], one for each table.

func (c *checking) bottleRows(ctx context.Context, v *events.View) error {
	rows, err := readRows(ctx, v, `SELECT `+strings.Join(columns, ", ")+` FROM bottles`, len(columns))
	if err != nil {
		return err
	}
	have := map[string][]any{}
	for _, r := range rows {
		have[fmt.Sprint(r[1])] = r
	}
	for _, b := range c.bottles() {
		d := Difference{Table: "bottles", Bottle: b.ID, Slug: b.Slug, Seq: b.Seq}
		got, ok := have[b.ID]
		delete(have, b.ID)
		if !ok {
			d.Field, d.Log, d.Tables = "row", "one", "none"
			c.differ(d)
			continue
		}
		want := RowOf(b).values()
		for i, col := range columns {
			if want[i] != got[i] {
				d.Field, d.Log, d.Tables = col, spell(want[i]), spell(got[i])
				c.differ(d)
			}
		}
	}
	for id, got := range have {
		c.differ(Difference{Table: "bottles", Bottle: id, Slug: fmt.Sprint(got[2]), Field: "row", Log: "none", Tables: "one"})
	}
	return nil
}

func (c *checking) resourceRows(ctx context.Context, v *events.View) error {
	rows, err := readRows(ctx, v, `SELECT bottle, kind, ref FROM resources`, 3)
	if err != nil {
		return err
	}
	have := map[[3]string]bool{}
	for _, r := range rows {
		have[[3]string{fmt.Sprint(r[0]), fmt.Sprint(r[1]), fmt.Sprint(r[2])}] = true
	}
	for _, b := range c.bottles() {
		for _, r := range b.Resources {
			key := [3]string{b.ID, r.Kind, r.Ref}
			if !have[key] {
				c.differ(Difference{Table: "resources", Bottle: b.ID, Slug: b.Slug, Field: "row", Log: r.Kind + " " + r.Ref, Tables: "none", Seq: b.Seq})
			}
			delete(have, key)
		}
	}
	for key := range have {
		d := Difference{Table: "resources", Bottle: key[0], Field: "row", Log: "none", Tables: key[1] + " " + key[2]}
		if s := c.streams[key[0]]; s != nil {
			d.Slug, d.Seq = s.Slug, s.Seq
		}
		c.differ(d)
	}
	return nil
}

func (c *checking) checkpoint(ctx context.Context, v *events.View) error {
	rows, err := readRows(ctx, v, `SELECT revision, seq FROM projection WHERE name = 'bottles'`, 2)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		if c.seq > 0 {
			c.differ(Difference{Table: "projection", Field: "row", Log: "one", Tables: "none"})
		}
		return nil
	}
	for i, want := range []int64{FoldRevision, c.seq} {
		if got := rows[0][i]; got != want {
			c.differ(Difference{Table: "projection", Field: []string{"revision", "seq"}[i], Log: spell(want), Tables: spell(got)})
		}
	}
	return nil
}

// readRows reads all rows of a query as int64, string and nil.
func readRows(ctx context.Context, v *events.View, query string, columns int) ([][]any, error) {
	rows, err := v.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]any
	for rows.Next() {
		r := make([]any, columns)
		dest := make([]any, columns)
		for i := range r {
			dest[i] = &r[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// spell writes a value for a person.
func spell(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}
