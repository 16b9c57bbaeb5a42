package cli

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The quick way must read what kong reads, and leave to kong whatever it does
// not know.
func TestQuickReadsAsKongDoes(t *testing.T) {
	words := rapid.SampledFrom([]string{"-q", "--quiet", "--no-color", "-o", "--output", "json", "jsonl", "name", "nonsense",
		"--home", "/h", "-", "--", "-oname", "--output=wide", "--home=/x", "-y", "--yes", "--columns", "--check", "-h", "--help", "--engine-timeout", "5s", ""})
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(words, 0, 3).Draw(t, "before")
		after := rapid.SliceOfN(words, 0, 4).Draw(t, "after")
		args := slices.Concat(before, []string{"version"}, after)
		at, _ := scan(args)
		if at < 0 || args[at] != "version" {
			return
		}
		fast, ok := quick(args, at)
		if !ok {
			return
		}
		c := &call{env: Env{}}
		err := c.parse(find("version"), &slowVersion{}, at, args)
		want := fast
		if serr := want.settle(); (serr == nil) != (err == nil) {
			t.Fatalf("%q: quick says %v, kong %v", args, serr, err)
		}
		if err == nil && !same(c.everywhere, want) {
			t.Fatalf("%q: quick reads %+v, kong %+v", args, want, c.everywhere)
		}
	})
}

// slowVersion has the flags of version and is not plain.
type slowVersion struct{}

func (*slowVersion) run(_ context.Context, _ *call) error { return nil }

func same(a, b everywhere) bool {
	ac, bc := a.Columns, b.Columns
	a.Columns, b.Columns = nil, nil
	return slices.Equal(ac, bc) && a.Home == b.Home && a.Output == b.Output && a.Quiet == b.Quiet && a.Yes == b.Yes &&
		a.NoInput == b.NoInput && a.NoColor == b.NoColor && a.Verbose == b.Verbose && a.EngineTimeout == b.EngineTimeout && a.Reason == b.Reason
}

func TestDefaultsAreThoseOfTheTags(t *testing.T) {
	c := &call{}
	if err := c.parse(find("version"), &slowVersion{}, 0, []string{"version"}); err != nil {
		t.Fatal(err)
	}
	if !same(c.everywhere, defaults) {
		t.Fatalf("quick takes %+v, the tags say %+v", defaults, c.everywhere)
	}
}
