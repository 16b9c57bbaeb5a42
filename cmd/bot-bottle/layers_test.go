package main_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// layer is one row of the table of imports: which folders of ours a package
// may import. A name ending in "/..." covers all that lies below as well.
type layer struct {
	name string
	may  []string
	// tests may import these besides: they exist for tests.
	tests []string
}

// layers is the law of imports, read from the top: the first row that covers
// a package holds. A package without a row has no place yet.
var layers = []layer{
	{name: "migrations"},
	{name: "events", may: []string{"migrations"}},
	{name: "projections", may: []string{"events"}},
	{name: "backends"},
	{name: "backends/keys", may: []string{"backends"}},
	{name: "backends/guest/wire", may: []string{"backends"}},
	{name: "backends/guest/screen"},
	{name: "backends/guest/inside", may: []string{"backends", "backends/guest/wire", "backends/guest/screen"}},
	{name: "backends/guest/bot-bottle-guest", may: []string{"backends/guest/inside"}},
	{name: "backends/guest", may: []string{"backends", "backends/keys", "backends/guest/wire", "backends/guest/inside"}, tests: []string{"backends/guest/screen"}},
	{name: "backends/docker", may: []string{"backends", "backends/guest", "backends/keys", "backends/imageref", "backends/imagefile", "backends/logins"}, tests: []string{"backends/backendtest"}},
	{name: "backends/smolmachines", may: []string{"backends", "backends/imageref", "backends/guest", "backends/smolmachines/images"},
		tests: []string{"backends/backendtest", "backends/smolmachines/fakesmolvm"}},
	{name: "backends/backendtest", may: []string{"backends", "backends/guest", "backends/imageref", "backends/imagefile", "backends/logins"}},
	{name: "backends/...", may: []string{"backends", "backends/imageref", "backends/imagefile", "backends/logins"}, tests: []string{"backends/backendtest"}},
	{name: "cmd/internal/lifecycle", may: []string{"events", "projections", "backends", "backends/guest"}, tests: []string{"backends/fake"}},
	{name: "cmd/internal/outer"},
	{name: "cmd/internal/dashboard", may: []string{"projections"}},
	{name: "cmd/internal/cli", may: []string{"..."}},
	{name: "cmd/bot-bottle", may: []string{"cmd/internal/cli", "backends/guest"}, tests: []string{"..."}},
	{name: "cmd/dev/...", may: []string{"..."}},
}

// homes says where a dependency may be imported, tests aside.
var homes = map[string][]string{
	"modernc.org/sqlite":         {"events", "backends/smolmachines"}, // the log; smolvm's database, see reused.go
	"github.com/pressly/goose":   {"migrations"},
	"github.com/alecthomas/kong": {"cmd/internal/cli"},
	"github.com/docker":          {"backends/docker"},
	"github.com/moby":            {"backends/keys"},         // detach keys as docker writes them
	"github.com/clipperhouse":    {"backends/guest/screen"}, // widths of characters
}

// silent are the packages that neither print nor end the program.
var silent = []string{"migrations", "events", "projections", "backends", "cmd/internal/lifecycle"}

func TestImportsFollowTheLayers(t *testing.T) {
	files := moduleFiles(t)
	report(t, brokenLayers(files))
	report(t, brokenHomes(files))
}

func TestBackendsAreNamedInOnePlace(t *testing.T) { report(t, namedBackends(moduleFiles(t))) }

func TestLibrariesNeitherPrintNorExit(t *testing.T) { report(t, talkers(moduleFiles(t))) }

func TestTheFakeIsNotInTheProgram(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "./cmd/bot-bottle")
	list.Dir, list.Stderr = top, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"/cmd/bot-bottle") {
		t.Fatalf("go list -deps does not name the program itself: %q", out)
	}
	for _, test := range []string{"backends/fake", "backends/backendtest", "backends/smolmachines/fakesmolvm"} {
		if slices.Contains(deps, module+"/"+test) {
			t.Errorf("cmd/bot-bottle is built with %s, which is for tests only", test)
		}
	}
}

// brokenLayers lists the imports that the table does not allow.
func brokenLayers(files []goFile) (breaches []string) {
	for _, f := range files {
		row := slices.IndexFunc(layers, func(l layer) bool { return covers(l.name, f.dir) })
		if row < 0 {
			breaches = append(breaches, f.path+": its package has no row in the table of layers")
			continue
		}
		for _, imported := range f.imports {
			dir, mine := ours(imported)
			may := layers[row].may
			if f.test {
				may = slices.Concat(may, layers[row].tests)
			}
			if !mine || dir == f.dir || slices.ContainsFunc(may, func(m string) bool { return covers(m, dir) }) {
				continue
			}
			breaches = append(breaches, fmt.Sprintf("%s: %s must not import %s", f.path, f.dir, dir))
		}
	}
	return breaches
}

// covers says whether a pattern of the table means the folder.
func covers(pattern, dir string) bool {
	if pattern == "..." {
		return true
	}
	if base, all := strings.CutSuffix(pattern, "/..."); all {
		return under(dir, base)
	}
	return dir == pattern
}

// brokenHomes lists the dependencies that are imported outside their home.
func brokenHomes(files []goFile) (breaches []string) {
	for _, f := range files {
		if f.test || under(f.dir, "cmd/dev") {
			continue
		}
		for _, imported := range f.imports {
			for dependency, home := range homes {
				if under(imported, dependency) && !under(f.dir, home...) {
					breaches = append(breaches, fmt.Sprintf("%s: %s belongs in %s only", f.path, imported, strings.Join(home, " and ")))
				}
			}
		}
	}
	return breaches
}

// namedBackends lists where a concrete backend is named by code outside its
// own folder and cli: as a word of Go text for smolvm, as a string otherwise.
func namedBackends(files []goFile) (breaches []string) {
	for _, f := range files {
		if f.test || under(f.dir, "cmd/dev") {
			continue
		}
		if !under(f.dir, "backends/smolmachines") && strings.Contains(strings.ToLower(string(f.text)), "smolvm") {
			breaches = append(breaches, f.path+": the word smolvm belongs in backends/smolmachines only")
		}
		if under(f.dir, "cmd/internal/cli", "backends/docker", "backends/smolmachines") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if s, _ := strconv.Unquote(lit.Value); s == "docker" || s == "smolmachines" {
				breaches = append(breaches, fmt.Sprintf("%s: names the backend %s, which only cli may", f.path, s))
			}
			return true
		})
	}
	return breaches
}

// talkers lists uses of the process's own streams and of its end in packages
// that must hand both to their caller.
func talkers(files []goFile) (breaches []string) {
	forbidden := map[string][]string{
		"os":  {"Stdin", "Stdout", "Stderr", "Exit"},
		"fmt": {"Print", "Printf", "Println"},
		"log": {"Print", "Printf", "Println", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"},
	}
	for _, f := range files {
		if f.test || f.pkg == "main" || !under(f.dir, silent...) || under(f.dir, "backends/backendtest", "backends/fake", "backends/smolmachines/fakesmolvm") { // these are in tests only
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(forbidden[pkg.Name], sel.Sel.Name) {
				breaches = append(breaches, fmt.Sprintf("%s: %s.%s is the caller's business", f.path, pkg.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return breaches
}

// TestLawsSeeBreaches breaks every law once: a check that finds nothing in
// the real tree must be able to find something.
func TestLawsSeeBreaches(t *testing.T) {
	with := func(imported string) string { return "package x\nimport _ \"" + imported + "\"\n" }
	for _, c := range []struct {
		name, path, text string
		check            func([]goFile) []string
	}{
		{"upwards", "events/x.go", with(module + "/projections"), brokenLayers},
		{"upwards in a test", "projections/x_test.go", with(module + "/cmd/internal/lifecycle"), brokenLayers},
		{"a backend imports another", "backends/a/x.go", with(module + "/backends/b"), brokenLayers},
		{"the guest program knows its host", "backends/guest/inside/x.go", with(module + "/backends/guest"), brokenLayers},
		{"lifecycle knows a backend", "cmd/internal/lifecycle/x.go", with(module + "/backends/docker"), brokenLayers},
		{"no row", "extra/x.go", "package x\n", brokenLayers},
		{"no row at the top", "x.go", "package x\n", brokenLayers},
		{"sqlite astray", "projections/x.go", with("modernc.org/sqlite"), brokenHomes},
		{"sqlite's inside astray", "projections/x.go", with("modernc.org/sqlite/lib"), brokenHomes},
		{"goose astray", "events/x.go", with("github.com/pressly/goose/v3"), brokenHomes},
		{"kong astray", "cmd/bot-bottle/x.go", with("github.com/alecthomas/kong"), brokenHomes},
		{"docker astray", "cmd/internal/lifecycle/x.go", with("github.com/docker/docker/client"), brokenHomes},
		{"the word", "cmd/internal/cli/x.go", "package x\n// SmolVM here\n", namedBackends},
		{"a name", "cmd/internal/lifecycle/x.go", "package x\nvar b = \"docker\"\n", namedBackends},
		{"print", "backends/docker/x.go", "package x\nimport \"fmt\"\nfunc f() { fmt.Println() }\n", talkers},
		{"exit", "cmd/internal/lifecycle/x.go", "package x\nimport \"os\"\nfunc f() { os.Exit(1) }\n", talkers},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, err := scan(fstest.MapFS{c.path: {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.check(files)) == 0 {
				t.Errorf("%s passes with\n%s", c.path, c.text)
			}
		})
	}
}

// top is the top of the tree, seen from this package.
const top = "../.."

func moduleFiles(t *testing.T) []goFile {
	t.Helper()
	files, err := scan(os.DirFS(top))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(f goFile) bool { return f.path == "cmd/bot-bottle/main.go" }) {
		t.Fatalf("%s is not the top of the tree", top)
	}
	return files
}
