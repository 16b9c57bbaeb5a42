package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"
	"testing/fstest"
)

// entries is what the top of the tree holds, and nothing else.
var entries = []string{".ci", ".gitignore", "LICENSE", "Makefile", "README.md",
	"backends", "cmd", "docs", "events", "go.mod", "go.sum", "migrations", "projections"}

// made is what a checkout may hold besides: git's own folder and the program.
var made = []string{".git", "bot-bottle"}

// longest is how many lines a Go file may have, tests aside.
const longest = 300

func TestTopOfTheTree(t *testing.T) {
	breaches, err := misplaced(os.DirFS(top))
	if err != nil {
		t.Fatal(err)
	}
	report(t, breaches)
}

func TestFilesHoldOneIdea(t *testing.T) {
	files := moduleFiles(t)
	report(t, tooLong(files))
	report(t, vague(files))
}

// misplaced lists what is missing at the top of the tree and what does not
// belong there.
func misplaced(tree fs.FS) (breaches []string, err error) {
	found, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
		if !slices.Contains(entries, e.Name()) && !slices.Contains(made, e.Name()) {
			breaches = append(breaches, e.Name()+" does not belong at the top of the tree")
		}
	}
	for _, e := range entries {
		if !slices.Contains(names, e) {
			breaches = append(breaches, e+" is missing at the top of the tree")
		}
	}
	return breaches, nil
}

// tooLong lists the files that hold more than one idea, by their length.
func tooLong(files []goFile) (breaches []string) {
	for _, f := range files {
		if !f.test && f.lines > longest {
			breaches = append(breaches, fmt.Sprintf("%s has %d lines, more than %d", f.path, f.lines, longest))
		}
	}
	return breaches
}

// vague lists packages whose name says nothing about what is in them.
func vague(files []goFile) (breaches []string) {
	words := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc"}
	for _, f := range files {
		if slices.Contains(words, path.Base(f.dir)) || slices.Contains(words, f.pkg) {
			breaches = append(breaches, fmt.Sprintf("%s: package %s says nothing about what it holds", f.path, f.pkg))
		}
	}
	return breaches
}

func TestShapeSeesBreaches(t *testing.T) {
	long := "package x\n"
	for range longest {
		long += "\n"
	}
	for name, text := range map[string]string{"events/long.go": long, "events/util/x.go": "package util\n"} {
		files, err := scan(fstest.MapFS{name: {Data: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		if len(tooLong(files))+len(vague(files)) != 1 {
			t.Errorf("%s passes", name)
		}
	}
	breaches, err := misplaced(fstest.MapFS{"pkg/x.go": {}})
	if err != nil || len(breaches) != 1+len(entries) {
		t.Errorf("misplaced: %q, %v; want pkg and every missing entry", breaches, err)
	}
}
