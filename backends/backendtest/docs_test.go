package backendtest_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/backendtest"
)

var update = flag.Bool("update", false, "print the points into the docs")

const page = "../../docs/backends.md"

// TestPointsArePrinted keeps the list in the docs the one of the suite.
func TestPointsArePrinted(t *testing.T) {
	const begin, end = "<!-- printed: points -->\n", "<!-- end: points -->\n"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the points", page)
	}
	want := before + begin + printed() + end + after
	if want == string(b) {
		return
	}
	if !*update {
		t.Fatalf("%s does not list the points of the suite: go test ./backends/backendtest -update", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func printed() string {
	var out strings.Builder
	last := ""
	for _, name := range backendtest.Points() {
		group, what, _ := strings.Cut(name, "/")
		if group != last {
			if last != "" {
				out.WriteString("\n")
			}
			fmt.Fprintf(&out, "- **%s**: ", group)
			last = group
		} else {
			out.WriteString(" · ")
		}
		out.WriteString(strings.ReplaceAll(what, "_", " "))
	}
	fmt.Fprintf(&out, "\n\n%d points.\n", len(backendtest.Points()))
	return out.String()
}

func TestPointsAreNamedOnce(t *testing.T) {
	seen, groups, last := map[string]bool{}, map[string]bool{}, ""
	for _, name := range backendtest.Points() {
		group, what, ok := strings.Cut(name, "/")
		if !ok || group == "" || what == "" || strings.ToLower(name) != name || strings.ContainsAny(name, " ") {
			t.Errorf("a bad name: %q", name)
		}
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		if group != last && groups[group] {
			t.Errorf("group %s is in two places, so that it would run twice", group)
		}
		seen[name], groups[group], last = true, true, group
	}
	if len(seen) < 60 {
		t.Errorf("%d points only", len(seen))
	}
}
