package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTallyOfRealRuns has go test say what tally reads: passing, failing,
// skipping, panicking and broken packages.
func TestTallyOfRealRuns(t *testing.T) {
	head := "package x\nimport \"testing\"\n"
	for _, c := range []struct {
		name, test string
		ok         bool
		want       []string
		not        []string
	}{
		{"pass", "func TestA(t *testing.T) { t.Log(\"quiet\"); t.Run(\"one\", func(*testing.T) {}); t.Run(\"two\", func(*testing.T) {}) }", true,
			[]string{"--- PASS: TestA", "ok  \tx", "skipped: none", "cases: 2 passed, 0 failed, 0 skipped", "tests: 1 passed, 0 failed, 0 skipped, in 1 packages"}, []string{"quiet"}},
		{"skip", "func TestA(t *testing.T) { t.Run(\"sub\", func(t *testing.T) { t.Skip(\"no engine here\") }) }\nfunc TestB(t *testing.T) { t.Skip(\"no root\") }\nfunc TestC(*testing.T) {}", true,
			[]string{"x TestA/sub: x_test.go:3: no engine here", "x TestB: x_test.go:4: no root", "tests: 2 passed, 0 failed, 1 skipped"}, nil},
		{"property", "func TestA(t *testing.T) { t.Log(\"[rapid] OK, passed 250 tests (1ms)\") }", true,
			[]string{"property tests: 1, which drew 250 inputs"}, nil},
		{"fail", "func TestA(t *testing.T) { t.Error(\"loud\") }\nfunc TestB(*testing.T) {}", false,
			[]string{"loud", "--- FAIL: TestA", "FAIL\tx", "tests: 1 passed, 1 failed"}, nil},
		{"panic", "func TestA(t *testing.T) { panic(\"loud\") }", false,
			[]string{"panic: loud", "tests: 0 passed, 1 failed"}, nil},
		{"exit", "func init() { panic(\"loud\") }\nfunc TestA(t *testing.T) {}", false,
			[]string{"panic: loud", "(1 failed)"}, nil},
		{"build", "func TestA(t *testing.T) { nonsense }", false,
			[]string{"undefined: nonsense", "(1 failed)"}, nil},
		{"nothing", "var _ testing.T", false,
			[]string{"tests: 0 passed, 0 failed"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{"go.mod": "module x\n", "x_test.go": head + c.test + "\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := exec.Command("go", "test", "-vet=off", "-json", "./...")
			run.Dir = dir
			said, err := run.Output()
			if len(said) == 0 {
				t.Fatalf("go test says nothing: %v", err)
			}
			var out bytes.Buffer
			tally := newTally(&out)
			if err := tally.read(bytes.NewReader(said)); err != nil {
				t.Fatal(err)
			}
			if ok := tally.finish(); ok != c.ok {
				t.Errorf("ok = %v, want %v", ok, c.ok)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("does not say %q:\n%s", w, out.String())
				}
			}
			for _, w := range c.not {
				if strings.Contains(out.String(), w) {
					t.Errorf("says %q:\n%s", w, out.String())
				}
			}
		})
	}
}
