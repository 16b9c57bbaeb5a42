package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
			said := goTest(t, head+c.test)
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

// TestTallyOfACutRun: a machine that falls while it tests takes the end of the
// tests with it, and one that is there again runs them again.
func TestTallyOfACutRun(t *testing.T) {
	said := goTest(t, "package x\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Log(\"last words\") }\n")
	at := bytes.Index(said, []byte("last words"))
	if at < 0 {
		t.Fatalf("it does not say its last words:\n%s", said)
	}
	cut := said[:at+bytes.IndexByte(said[at:], '\n')+1]
	for _, c := range []struct {
		name string
		said []byte
		ok   bool
		want []string
	}{
		{"fallen", cut, false, []string{"last words", "x did not end", "failed:\n  x did not end\n", "tests: 0 passed, 0 failed, 0 skipped, in 1 packages (1 failed)"}},
		{"again", append(slices.Clone(cut), said...), true, []string{"tests: 1 passed, 0 failed, 0 skipped, in 1 packages (0 failed)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			tally := newTally(&out)
			if err := tally.read(bytes.NewReader(c.said)); err != nil {
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
		})
	}
}

// goTest has go test run a package x with one file of tests, and returns what
// it says.
func goTest(t *testing.T, file string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n", "x_test.go": file} {
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
	return said
}
