package events

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Filter selects events. Conditions of different kinds must all hold; zero
// fields select everything.
type Filter struct {
	Stream             string    // this one
	Streams            []string  // any of these
	Types              []string  // any of these
	AfterSeq, UntilSeq int64     // greater than, at most
	Since, Until       time.Time // not before, not after: clocks go backwards, so these may select any part
	Limit              int       // at most so many: the first ones
	Newest             bool      // with Limit: the last ones instead, still in the log's order
}

// whole says whether the filter leaves nothing out between its ends.
func (f Filter) whole() bool {
	return f.Stream == "" && len(f.Streams)+len(f.Types) == 0 && f.Since.IsZero() && f.Until.IsZero()
}

func (f Filter) sql() (string, []any) {
	var where []string
	var args []any
	cond := func(text string, values ...any) { where, args = append(where, text), append(args, values...) }
	in := func(column string, values []string) {
		if len(values) == 0 {
			return
		}
		list := make([]any, len(values))
		for i, s := range values {
			list[i] = s
		}
		cond(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", list...)
	}
	if f.Stream != "" {
		cond("e.bottle_id = ?", f.Stream)
	}
	in("e.bottle_id", f.Streams)
	in("e.type", f.Types)
	if f.AfterSeq > 0 {
		cond("e.seq > ?", f.AfterSeq)
	}
	if f.UntilSeq > 0 {
		cond("e.seq <= ?", f.UntilSeq)
	}
	if !f.Since.IsZero() {
		cond("e.time >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		cond("e.time <= ?", f.Until.UnixMilli())
	}
	q := selectEvents
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	switch {
	case f.Limit > 0 && f.Newest:
		q = "SELECT row FROM (" + strings.Replace(q, packed, packed+" AS row, e.seq AS seq", 1) + " ORDER BY e.seq DESC LIMIT ?) ORDER BY seq"
		args = append(args, f.Limit)
	case f.Limit > 0:
		q += " ORDER BY e.seq LIMIT ?"
		args = append(args, f.Limit)
	default:
		q += " ORDER BY e.seq"
	}
	return q, args
}

// Scan calls f with the selected events in the order of the log, until f
// returns an error, which Scan returns as it is. A gap in the log is
// *[Damaged].
func (v *View) Scan(ctx context.Context, filter Filter, f func(Event) error) error {
	query, args := filter.sql()
	rows, err := v.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	each := f
	if filter.whole() {
		next := filter.AfterSeq + 1
		if filter.Newest {
			next = 0
		}
		each = func(e Event) error {
			if next != 0 && e.Seq != next {
				return &Damaged{Path: v.path, Seq: next, Why: "it is missing"}
			}
			next = e.Seq + 1
			return f(e)
		}
	}
	return scan(ctx, v.path, rows, each)
}
