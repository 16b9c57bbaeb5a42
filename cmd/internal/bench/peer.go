package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is bot-bottle's own path.
const module = "gitea.dideric.is/didericis/bot-bottle"

// noop is the least that a Go program can be.
const noop = "package main\n\nfunc main() {}\n"

// reader runs the query of list with nothing around it: no commands, no
// configuration, no checks. %s are blank imports.
const reader = `package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"

%s)

func main() {
	db, err := sql.Open("sqlite", "file:"+os.Args[1]+"?mode=ro")
	if err != nil {
		panic(err)
	}
	rows, err := db.Query(os.Args[2])
	if err != nil {
		panic(err)
	}
	columns, err := rows.Columns()
	if err != nil {
		panic(err)
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	out := bufio.NewWriter(os.Stdout)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			panic(err)
		}
		for _, v := range values {
			fmt.Fprint(out, v.String, " ")
		}
		fmt.Fprintln(out)
	}
	if err := rows.Err(); err != nil {
		panic(err)
	}
	if err := out.Flush(); err != nil {
		panic(err)
	}
}
`

// buildPeer builds a program that is compared with bot-bottle: from the same
// module, so with the very same dependencies, and with the same flags. Its
// only file is laid over the tree and never written into it.
func buildPeer(source, dir, name, text string) (program string, err error) {
	file := filepath.Join(dir, name+".go")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(source, "cmd", "internal", "bench-"+name, "main.go"): file,
	}})
	if err != nil {
		return "", err
	}
	overlayFile := filepath.Join(dir, name+".json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(dir, name)
	build := exec.Command("go", "build", "-overlay", overlayFile, "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", program, "./cmd/internal/bench-"+name)
	build.Dir, build.Stderr = source, os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build the program %s: %w", name, err)
	}
	return program, nil
}

// foreignImports lists the packages of others that bot-bottle's own packages
// import, as blank imports.
func foreignImports(source string) (string, error) {
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports", "./cmd/bot-bottle")
	list.Dir, list.Stderr = source, os.Stderr
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("list what bot-bottle imports: %w", err)
	}
	type pkg struct {
		ImportPath string
		Standard   bool
		Imports    []string
	}
	standard, wanted := map[string]bool{}, map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			return "", fmt.Errorf("read what go list says: %w", err)
		}
		standard[p.ImportPath] = p.Standard
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			for _, i := range p.Imports {
				wanted[i] = true
			}
		}
	}
	var lines []string
	for i := range wanted {
		// What its own imports name, the standard library included, is linked
		// in either way; packages that may not be imported twice are few.
		if i == module || strings.HasPrefix(i, module+"/") || i == "C" || i == "unsafe" || isNamedBy(reader, i) {
			continue
		}
		lines = append(lines, fmt.Sprintf("\t_ %q\n", i))
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// isNamedBy says whether a program's text imports a package already.
func isNamedBy(text, imported string) bool {
	return strings.Contains(text, fmt.Sprintf("\t%q\n", imported))
}
