package lifecycle_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
)

// repo makes a git repository with one commit.
func repo(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: --clone cannot be tried")
	}
	dir := filepath.Join(t.TempDir(), "repo")
	must(t, os.MkdirAll(dir, 0o755))
	runGit(t, dir, "init", "-q")
	must(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("one\n"), 0o644))
	runGit(t, dir, "add", ".")
	runGit(t, dir, "commit", "-q", "-m", "first")
	return dir
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func must(t require, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cloned(t *testing.T) events.Workspace {
	t.Helper()
	src := repo(t)
	w := events.Workspace{Mode: "clone", Source: src, Target: src, Clone: filepath.Join(t.TempDir(), "clones", "id", "repo"),
		Commit: runGit(t, src, "rev-parse", "HEAD")}
	must(t, lifecycle.MakeClone(t.Context(), w))
	return w
}

func TestOnlyCopySeesWorkThatTheSourceLacks(t *testing.T) {
	tests := []struct {
		name string
		work func(t *testing.T, clone string)
		want string // part of what is said; "" is nothing held
	}{
		{"untouched", func(*testing.T, string) {}, ""},
		{"changed", func(t *testing.T, c string) { must(t, os.WriteFile(filepath.Join(c, "a.txt"), []byte("two\n"), 0o644)) }, "not committed"},
		{"new file", func(t *testing.T, c string) { must(t, os.WriteFile(filepath.Join(c, "b c.txt"), nil, 0o644)) }, "1 changed"},
		{"deleted", func(t *testing.T, c string) { must(t, os.Remove(filepath.Join(c, "a.txt"))) }, "not committed"},
		{"committed", func(t *testing.T, c string) {
			must(t, os.WriteFile(filepath.Join(c, "a.txt"), []byte("two\n"), 0o644))
			runGit(t, c, "commit", "-q", "-am", "second")
		}, "does not have"},
		{"committed on a branch, packed", func(t *testing.T, c string) {
			runGit(t, c, "checkout", "-q", "-b", "side")
			runGit(t, c, "commit", "-q", "--allow-empty", "-m", "side")
			runGit(t, c, "checkout", "-q", "-")
			runGit(t, c, "pack-refs", "--all")
		}, "does not have"},
		{"stashed", func(t *testing.T, c string) {
			must(t, os.WriteFile(filepath.Join(c, "a.txt"), []byte("two\n"), 0o644))
			runGit(t, c, "stash", "-q")
		}, "does not have"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := cloned(t)
			tt.work(t, w.Clone)
			got, err := lifecycle.OnlyCopy(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want something with %q", got, tt.want)
			}
		})
	}
}

// A guest can write the clone's config and hooks. Asking what it holds must
// run none of them.
func TestOnlyCopyRunsNothingOfTheGuests(t *testing.T) {
	w := cloned(t)
	trap := filepath.Join(t.TempDir(), "sprung")
	script := filepath.Join(w.Clone, "trap.sh")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\ntouch "+trap+"\n"), 0o755))
	for k, v := range map[string]string{"core.fsmonitor": script, "filter.x.clean": script, "filter.x.smudge": script, "core.sshCommand": script, "core.pager": script} {
		runGit(t, w.Clone, "config", k, v)
	}
	must(t, os.WriteFile(filepath.Join(w.Clone, ".gitattributes"), []byte("* filter=x\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(w.Clone, "a.txt"), []byte("two\n"), 0o644))
	for _, h := range []string{"post-checkout", "post-index-change", "pre-commit"} {
		must(t, os.MkdirAll(filepath.Join(w.Clone, ".git", "hooks"), 0o755))
		must(t, os.WriteFile(filepath.Join(w.Clone, ".git", "hooks", h), []byte("#!/bin/sh\ntouch "+trap+"\n"), 0o755))
	}
	holds, err := lifecycle.OnlyCopy(t.Context(), w)
	if err != nil || holds == "" {
		t.Fatalf("%q, %v", holds, err)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Fatal("a program of the guest's ran on the host")
	}
}

// A ref that is a link to a file of the host must not be read.
func TestRefsFollowNoLink(t *testing.T) {
	w := cloned(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte(strings.Repeat("a", 40)), 0o600))
	must(t, os.Symlink(secret, filepath.Join(w.Clone, ".git", "refs", "heads", "x")))
	refs, err := lifecycle.ReadRefs(filepath.Join(w.Clone, ".git"))
	if err == nil && refs["refs/heads/x"] != "" {
		t.Fatalf("the link was followed: %v", refs)
	}
}

func TestGitMountsGuardWhatGitRuns(t *testing.T) {
	src := repo(t)
	check := func(dir string, want ...string) {
		t.Helper()
		mounts, err := lifecycle.GitMounts(dir, false)
		must(t, err)
		got := map[string]bool{}
		for _, m := range mounts {
			got[m.Target] = m.ReadOnly
		}
		for _, w := range want {
			if ro, ok := got[w]; !ok || !ro {
				t.Errorf("%s is not read-only: %v", w, got)
			}
		}
		if ro, ok := got[filepath.Join(src, ".git")]; !ok || ro {
			t.Errorf("the git directory must be a mount of its own, writable: %v", got)
		}
	}
	git := filepath.Join(src, ".git")
	parts := []string{filepath.Join(git, "config"), filepath.Join(git, "hooks"), filepath.Join(git, "info")}
	check(src, parts...)

	linked := filepath.Join(t.TempDir(), "linked")
	runGit(t, src, "worktree", "add", "-q", linked)
	check(linked, append(parts, filepath.Join(linked, ".git"))...)
}
