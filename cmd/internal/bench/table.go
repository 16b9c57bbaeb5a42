package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is one comparison: what was measured, what it was measured against,
// and the bar that it must clear.
type row struct {
	what, against string
	ours, theirs  time.Duration
	result, bar   string // as printed, e.g. "1.21x" and "<= 1.3x"
	pass          bool
}

// atMost compares times: ours may be most times theirs.
func atMost(what, against string, ours, theirs time.Duration, most float64) row {
	r := ratio(ours, theirs)
	return row{what, against, ours, theirs, fmt.Sprintf("%.2fx", r), fmt.Sprintf("<= %gx", most), r <= most}
}

// fasterBy compares speeds: ours must be least times as fast as theirs; with 0
// there is no bar.
func fasterBy(what, against string, ours, theirs time.Duration, least float64) row {
	r := ratio(theirs, ours)
	bar := ""
	if least > 0 {
		bar = fmt.Sprintf(">= %gx", least)
	}
	return row{what, against, ours, theirs, fmt.Sprintf("%.2fx as fast", r), bar, r >= least}
}

// overBy compares what ours adds to theirs, in time and as a part of it.
func overBy(what, against string, ours, theirs, most time.Duration, part float64) row {
	over, percent := ours-theirs, 100*(ratio(ours, theirs)-1)
	return row{what, against, ours, theirs, fmt.Sprintf("%+.1f ms, %+.1f %%", ms(over), percent),
		fmt.Sprintf("<= %g ms and %g %%", ms(most), part), over <= most && percent <= part}
}

// overCall is overBy where one more call of theirs is allowed besides.
func overCall(what, against string, ours, theirs, most, call time.Duration) row {
	over := ours - theirs
	return row{what, against, ours, theirs, fmt.Sprintf("%+.1f ms", ms(over)),
		fmt.Sprintf("<= %g ms and a call (%.1f ms)", ms(most), ms(call)), over <= most+call}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// print writes the table and says whether every bar was cleared.
func print(w io.Writer, rows []row) (cleared bool, err error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tOURS\tAGAINST\tTHEIRS\tRESULT\tBAR\t")
	cleared = true
	for _, r := range rows {
		verdict := "pass"
		switch {
		case r.bar == "":
			verdict = "-"
		case !r.pass:
			verdict, cleared = "MISS", false
		}
		fmt.Fprintf(t, "%s\t%.3f ms\t%s\t%.3f ms\t%s\t%s\t%s\n", r.what, ms(r.ours), r.against, ms(r.theirs), r.result, r.bar, verdict)
	}
	return cleared, t.Flush()
}
