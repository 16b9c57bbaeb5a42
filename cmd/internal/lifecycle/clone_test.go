package lifecycle_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
		{"in the index only", func(t *testing.T, c string) {
			must(t, os.WriteFile(filepath.Join(c, "c.txt"), []byte("x\n"), 0o644))
			runGit(t, c, "add", ".")
		}, "1 changed"},
		{"changed back", func(t *testing.T, c string) { must(t, os.WriteFile(filepath.Join(c, "a.txt"), []byte("one\n"), 0o644)) }, ""},
		{"another mode", func(t *testing.T, c string) { must(t, os.Chmod(filepath.Join(c, "a.txt"), 0o755)) }, "1 changed"},
		{"a folder of files", func(t *testing.T, c string) {
			must(t, os.MkdirAll(filepath.Join(c, "x", "empty"), 0o755))
			must(t, os.WriteFile(filepath.Join(c, "x", "y"), nil, 0o644))
			must(t, os.WriteFile(filepath.Join(c, "x", "z"), nil, 0o644))
		}, "1 changed"},
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
	refs, _, err := lifecycle.ReadRefs(w.Clone)
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

// What is cloned is the commit that was shown, wherever HEAD went since.
func TestCloneIsOfThePlannedCommit(t *testing.T) {
	src := repo(t)
	w := events.Workspace{Mode: "clone", Source: src, Target: src, Clone: filepath.Join(t.TempDir(), "id", "repo"), Commit: runGit(t, src, "rev-parse", "HEAD")}
	branch := runGit(t, src, "branch", "--show-current")
	runGit(t, src, "commit", "-q", "--allow-empty", "-m", "second")
	must(t, os.WriteFile(filepath.Join(src, "b.txt"), nil, 0o644))
	runGit(t, src, "add", ".")
	runGit(t, src, "commit", "-q", "-m", "third")
	must(t, lifecycle.MakeClone(t.Context(), w))
	if got := runGit(t, w.Clone, "rev-parse", "HEAD"); got != w.Commit {
		t.Errorf("HEAD is %s, want %s", got, w.Commit)
	}
	if got := runGit(t, w.Clone, "branch", "--show-current"); got != branch {
		t.Errorf("on branch %q, want %q", got, branch)
	}
	if got := runGit(t, w.Clone, "status", "--porcelain"); got != "" {
		t.Errorf("not clean: %s", got)
	}
	if holds, err := lifecycle.OnlyCopy(t.Context(), w); err != nil || holds != "" {
		t.Errorf("%q, %v", holds, err)
	}
}

// A caller inside a hook of git has variables that lead git to his repository.
func TestGitOfTheCallerIsNotOurs(t *testing.T) {
	other, src := repo(t), repo(t)
	runGit(t, other, "commit", "-q", "--allow-empty", "-m", "other")
	head := runGit(t, src, "rev-parse", "HEAD")
	t.Setenv("GIT_DIR", filepath.Join(other, ".git"))
	t.Setenv("GIT_WORK_TREE", other)
	t.Setenv("GIT_INDEX_FILE", filepath.Join(t.TempDir(), "index"))
	w := newWorld(t)
	r := request("made")
	r.Clone = src
	p, err := w.Plan(t.Context(), r)
	must(t, err)
	ws := p.Created.Workspace
	if ws.Source != src || ws.Commit != head {
		t.Fatalf("%s at %s, want %s at %s", ws.Source, ws.Commit, src, head)
	}
	ws.Clone = filepath.Join(t.TempDir(), "id", "repo")
	must(t, lifecycle.MakeClone(t.Context(), ws))
	if holds, err := lifecycle.OnlyCopy(t.Context(), ws); err != nil || holds != "" {
		t.Errorf("%q, %v", holds, err)
	}
}

// What cannot be compared is told, and not taken for nothing.
func TestOnlyCopyOfWhatIsNotCompared(t *testing.T) {
	tests := map[string]func(t *testing.T, clone string){
		"an older stash": func(t *testing.T, c string) {
			must(t, os.WriteFile(filepath.Join(c, "a.txt"), []byte("two\n"), 0o644))
			runGit(t, c, "stash", "-q")
			// the newest entry is in the source, too
			runGit(t, c, "stash", "store", "-m", "known", "HEAD")
		},
		"a linked work tree": func(t *testing.T, c string) {
			runGit(t, c, "worktree", "add", "-q", "--detach", filepath.Join(t.TempDir(), "tree"))
		},
		"a submodule": func(t *testing.T, c string) { must(t, os.MkdirAll(filepath.Join(c, ".git", "modules", "x"), 0o755)) },
		"its git directory is a link": func(t *testing.T, c string) {
			must(t, os.Rename(filepath.Join(c, ".git"), filepath.Join(c, "..", "git")))
			must(t, os.Symlink("../git", filepath.Join(c, ".git")))
		},
		"its git directory is a pointer": func(t *testing.T, c string) {
			must(t, os.Rename(filepath.Join(c, ".git"), filepath.Join(c, "..", "git")))
			must(t, os.WriteFile(filepath.Join(c, ".git"), []byte("gitdir: ../git\n"), 0o644))
		},
		"a ref is a fifo": func(t *testing.T, c string) {
			must(t, syscall.Mkfifo(filepath.Join(c, ".git", "refs", "heads", "x"), 0o644))
		},
		"no git directory": func(t *testing.T, c string) { must(t, os.RemoveAll(filepath.Join(c, ".git"))) },
	}
	for name, work := range tests {
		t.Run(name, func(t *testing.T) {
			w := cloned(t)
			work(t, w.Clone)
			if holds, err := lifecycle.OnlyCopy(t.Context(), w); holds == "" && err == nil {
				t.Error("it was taken for nothing")
			}
		})
	}
}

// A repository may have thousands of tags: they are asked about at once.
func TestOnlyCopyOfManyRefs(t *testing.T) {
	w := cloned(t)
	var packed strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&packed, "%s refs/tags/v%d\n", w.Commit, i)
	}
	must(t, os.WriteFile(filepath.Join(w.Clone, ".git", "packed-refs"), []byte(packed.String()), 0o644))
	begin := time.Now()
	if holds, err := lifecycle.OnlyCopy(t.Context(), w); err != nil || holds != "" {
		t.Errorf("%q, %v", holds, err)
	}
	if d := time.Since(begin); d > 4*time.Second {
		t.Errorf("it took %s", d)
	}
}
