package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tally counts tests and cases. A case is a test or a subtest without
// subtests of its own; a test is what the file calls TestX.
type tally struct {
	out      io.Writer
	said     map[string][]string // output by package and test, until it has ended
	parents  map[string]bool     // tests that have subtests
	open     map[string]bool     // packages that began and did not end yet
	tests    counts
	cases    counts
	packages int
	broken   int // packages that failed
	skips    []string
	fails    []string // tests, and packages that failed outside a test
	drawn    int      // inputs that property tests drew
	drawers  int      // property tests
}

type counts struct{ passed, failed, skipped int }

func newTally(out io.Writer) *tally {
	return &tally{out: out, said: map[string][]string{}, parents: map[string]bool{}, open: map[string]bool{}}
}

// drew matches what rapid says at the end of a property test.
var drew = regexp.MustCompile(`\[rapid\] OK, passed (\d+) tests`)

func (t *tally) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "start":
		// A test that cuts the power runs again after it, and so does its
		// package: it counts once.
		t.open[e.Package] = true
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			t.parents[e.Package+" "+e.Test[:i]] = true
		}
	case "output":
		t.said[key] = append(t.said[key], e.Output)
		if m := drew.FindStringSubmatch(e.Output); m != nil {
			n, _ := strconv.Atoi(m[1]) // digits by the pattern
			t.drawn += n
			t.drawers++
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e)
		} else {
			t.endTest(e, key)
		}
		delete(t.said, key)
	}
}

func (t *tally) endTest(e event, key string) {
	top := !strings.Contains(e.Test, "/")
	if top {
		t.tests.add(e.Action)
	}
	if !t.parents[key] {
		t.cases.add(e.Action)
	}
	if e.Action == "skip" {
		t.skips = append(t.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(t.said[key])))
	}
	switch {
	case e.Action == "fail":
		fmt.Fprint(t.out, strings.Join(t.said[key], ""))
		if !t.parents[key] {
			t.fails = append(t.fails, e.Package+" "+e.Test)
		}
	case top:
		fmt.Fprintf(t.out, "--- %s: %s (%.2fs)\n", strings.ToUpper(e.Action), e.Test, e.Elapsed)
	}
}

func (t *tally) endPackage(e event) {
	said := t.said[e.Package+" "]
	delete(t.open, e.Package)
	if e.Action == "skip" {
		return // it has no tests
	}
	t.packages++
	if e.Action == "fail" {
		t.broken++
		t.fails = append(t.fails, e.Package)
		t.tell(e.Package)
		fmt.Fprint(t.out, strings.Join(said, ""))
		return
	}
	if len(said) > 0 {
		fmt.Fprint(t.out, said[len(said)-1]) // the line that begins with ok
	}
}

// tell prints what tests of a package said that took their program down, or
// went down with it, and so have no end of their own.
func (t *tally) tell(name string) {
	for key, lines := range t.said {
		if strings.HasPrefix(key, name+" ") && key != name+" " {
			fmt.Fprint(t.out, strings.Join(lines, ""))
		}
	}
}

// finish prints the summary and says whether all is well.
func (t *tally) finish() bool {
	for _, name := range slices.Sorted(maps.Keys(t.open)) {
		t.packages++
		t.broken++
		t.fails = append(t.fails, name+" did not end")
		t.tell(name)
		fmt.Fprintf(t.out, "FAIL\t%s did not end\n", name)
	}
	fmt.Fprintln(t.out)
	if len(t.skips) > 0 {
		fmt.Fprintf(t.out, "skipped, and why:\n")
		for _, s := range t.skips {
			fmt.Fprintf(t.out, "  %s\n", s)
		}
	} else {
		fmt.Fprintf(t.out, "skipped: none\n")
	}
	if len(t.fails) > 0 {
		fmt.Fprintf(t.out, "failed:\n  %s\n", strings.Join(t.fails, "\n  "))
	}
	fmt.Fprintf(t.out, "property tests: %d, which drew %d inputs\n", t.drawers, t.drawn)
	fmt.Fprintf(t.out, "cases: %s\n", t.cases)
	fmt.Fprintf(t.out, "tests: %s, in %d packages (%d failed)\n", t.tests, t.packages, t.broken)
	return t.broken == 0 && t.tests.failed == 0 && t.tests.passed > 0
}

func (c *counts) add(action string) {
	switch action {
	case "pass":
		c.passed++
	case "fail":
		c.failed++
	case "skip":
		c.skipped++
	}
}

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// reason picks the words of t.Skip out of what a skipped test printed.
func reason(said []string) string {
	var words []string
	for _, line := range said {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return "no reason given"
	}
	return strings.Join(words, " ")
}
