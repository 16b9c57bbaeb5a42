package cli_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

// The quick way must read what kong reads, and leave to kong whatever it does
// not know.
func TestQuickReadsAsKongDoes(t *testing.T) {
	words := rapid.SampledFrom([]string{"-q", "--quiet", "--no-color", "-o", "--output", "json", "jsonl", "name", "nonsense",
		"--home", "/h", "-", "--", "-oname", "--output=wide", "--home=/x", "-y", "--yes", "--columns", "--check", "--engine-timeout", "5s", ""})
	quickly := 0
	rapid.Check(t, func(t *rapid.T) {
		args := slices.Concat(rapid.SliceOfN(words, 0, 3).Draw(t, "before"), []string{"version"}, rapid.SliceOfN(words, 0, 4).Draw(t, "after"))
		fast, ok := cli.Quick(args)
		if !ok {
			return
		}
		quickly++
		if slow := cli.ByKong(args); fast != slow {
			t.Fatalf("%q: quick reads\n%s\nkong\n%s", args, fast, slow)
		}
	})
	if quickly == 0 {
		t.Error("no line was read the quick way")
	}
}

// scan has to know which flags take a value, or it takes the value for the
// verb.
func TestTheVerbIsFoundBehindEveryFlag(t *testing.T) {
	flags := cli.GlobalFlags()
	if len(flags) < 12 {
		t.Fatalf("the grammar has the flags %v", flags)
	}
	for flag, takesValue := range flags {
		args := []string{flag, "list"}
		if takesValue {
			args = []string{flag, "start", "list"}
		}
		if at := cli.ScanFor(args); at != len(args)-1 {
			t.Errorf("%q: the verb is found at %d", args, at)
		}
	}
	for _, args := range [][]string{{}, {"--"}, {"-q"}, {"--home"}, {"--", "list"}, {"--home=x"}} {
		if at := cli.ScanFor(args); at != -1 {
			t.Errorf("%q: a verb is found at %d", args, at)
		}
	}
}
