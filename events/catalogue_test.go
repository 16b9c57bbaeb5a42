package events_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// TestCatalogue names what is missing of an event: its struct, its line in
// the catalogue, its case in the fold, its golden file or its row in the docs.
func TestCatalogue(t *testing.T) {
	docs, err := os.ReadFile("../docs/events.md")
	must(t, err)
	for _, m := range missing(t, events.Types(), declared(t), folded(t), string(docs), func(name string) bool {
		_, err := os.Stat(golden(name))
		return err == nil
	}) {
		t.Error(m)
	}
	files, err := filepath.Glob("testdata/[A-Z]*.jsonl")
	must(t, err)
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".jsonl"); events.New(name) == nil {
			t.Errorf("%s: the type is gone from the catalogue; logs still hold it", f)
		}
	}
}

// TestCatalogueSeesWhatIsMissing takes each thing away once.
func TestCatalogueSeesWhatIsMissing(t *testing.T) {
	const row = "| `BottleRenamed` | says so |\n"
	one := []string{"BottleRenamed"}
	has, none := func(string) bool { return true }, func(string) bool { return false }
	for name, got := range map[string][]string{
		"":               missing(t, one, one, one, row, has),
		"struct":         missing(t, one, nil, one, row, has),
		"catalogue line": missing(t, nil, one, one, row, has),
		"fold case":      missing(t, one, one, nil, row, has),
		"docs row":       missing(t, one, one, one, "`BottleRenamed`", has),
		"golden file":    missing(t, one, one, one, row, none),
	} {
		if name == "" && len(got) != 0 || name != "" && (len(got) != 1 || !strings.Contains(got[0], name)) {
			t.Errorf("%q missing: %q", name, got)
		}
	}
}

func missing(t *testing.T, catalogue, structs, folds []string, docs string, golden func(string) bool) (out []string) {
	t.Helper()
	names := slices.Concat(catalogue, structs)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		for what, there := range map[string]bool{
			"struct (in catalogue.go, its name in names.go)": slices.Contains(structs, name),
			"catalogue line":               slices.Contains(catalogue, name),
			"fold case (in projections/)":  slices.Contains(folds, name),
			"docs row (in docs/events.md)": strings.Contains(docs, "\n| `"+name+"` |") || strings.HasPrefix(docs, "| `"+name+"` |"),
			"golden file (in testdata/)":   golden(name),
		} {
			if !there {
				out = append(out, name+" has no "+what)
			}
		}
	}
	return out
}

// declared lists the names that methods EventType return, each on a struct of
// the same name.
func declared(t *testing.T) (names []string) {
	t.Helper()
	for _, f := range source(t, ".") {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "EventType" {
				continue
			}
			receiver := fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
			result := fn.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit)
			if name, err := strconv.Unquote(result.Value); err != nil || name != receiver {
				t.Errorf("%s calls itself %s", receiver, result.Value)
			}
			names = append(names, receiver)
		}
	}
	return names
}

var selected = regexp.MustCompile(`^\*?events\.(\w+)$`)

// folded lists the events that a case of a type switch in projections names,
// or a constant: the home's own event is no case of a bottle's fold.
func folded(t *testing.T) (names []string) {
	t.Helper()
	for _, f := range source(t, "../projections") {
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.ValueSpec); ok {
				for _, v := range c.Values {
					if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
						names = append(names, strings.Trim(lit.Value, `"`))
					}
				}
			}
			c, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range c.List {
				star, ok := e.(*ast.StarExpr)
				if !ok {
					continue
				}
				if sel, ok := star.X.(*ast.SelectorExpr); ok {
					if m := selected.FindStringSubmatch(sel.X.(*ast.Ident).Name + "." + sel.Sel.Name); m != nil {
						names = append(names, m[1])
					}
				}
			}
			return true
		})
	}
	return names
}

// source parses the files of a package, its tests left out.
func source(t *testing.T, dir string) (out []*ast.File) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, path), nil, 0)
		out = append(out, f)
		return err
	})
	must(t, err)
	return out
}
