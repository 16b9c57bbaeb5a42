package cli_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli"
)

// docs/cli.md is the contract: what the program has and the page lacks, or the
// other way round, is a mistake in one of them.
func TestTheContractIsComplete(t *testing.T) {
	b, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	known := map[string]bool{}
	for _, name := range cli.CommandNames() {
		if name != "__complete" && !regexp.MustCompile("`"+name+"[` ]").MatchString(page) {
			t.Errorf("docs/cli.md does not name the command %s", name)
		}
		for _, flag := range cli.Flags(name) {
			known[flag] = true
			if !strings.Contains(page, "`"+flag) && !regexp.MustCompile("`[^`\n]*"+flag+"[`, =]").MatchString(page) {
				t.Errorf("docs/cli.md does not name %s of %s", flag, name)
			}
		}
	}
	for _, flag := range regexp.MustCompile("`(--[a-z][a-z-]*)").FindAllStringSubmatch(page, -1) {
		if !known[flag[1]] && flag[1] != "--version" {
			t.Errorf("docs/cli.md names %s, which no command has", flag[1])
		}
	}
}

// The table of exit codes is that of the program.
func TestTheTableOfExitCodes(t *testing.T) {
	b, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|([^|]*)\|`).FindAllStringSubmatch(string(b), -1) {
		for _, code := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[2], -1) {
			table[code[1]], _ = strconv.Atoi(row[1])
		}
	}
	if got, want := fmt.Sprint(table), fmt.Sprint(cli.Exits()); got != want {
		t.Errorf("docs/cli.md has\n%s\nthe program\n%s", got, want)
	}
}
