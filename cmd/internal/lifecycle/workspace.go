package lifecycle

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Workspace modes, as recorded.
const (
	workNone  = "none"
	workBind  = "bind"
	workClone = "clone"
)

// planWorkspace reads --workspace and --clone. For a bind it returns the
// mounts that come with it.
func (m *Manager) planWorkspace(ctx context.Context, cwd, bind, clone string) (events.Workspace, []events.Mount, error) {
	switch {
	case bind != "" && clone != "":
		return events.Workspace{}, nil, usage("--workspace and --clone exclude each other")
	case clone != "":
		w, err := m.planClone(ctx, cwd, clone)
		return w, nil, err
	case bind == "":
		return events.Workspace{Mode: workNone}, nil, nil
	}
	spec, ro := strings.CutSuffix(bind, ":ro")
	dir, err := m.hostPath(cwd, spec)
	if err == nil {
		err = mustBeDir(dir)
	}
	if err != nil {
		return events.Workspace{}, nil, &Problem{Code: CodeUsage, Message: "--workspace " + bind, Err: err}
	}
	w := events.Workspace{Mode: workBind, Source: dir, Target: dir, ReadOnly: ro}
	guards, err := gitMounts(dir, ro)
	return w, guards, err
}

func mustBeDir(p string) error {
	st, err := os.Stat(p)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s is not a folder", p)
	}
	return err
}

// guarded are the parts of a git directory that make git on the host run
// what stands in them. In a writable work tree a guest must not write them.
var guarded = []string{"config", "hooks", "info"}

// guardedWhereTheyAre are files that lead git to another config. They are
// guarded where they exist; one that does not cannot be kept from being made,
// which is why start warns.
var guardedWhereTheyAre = []string{"commondir", "gitdir", "config.worktree"}

// warnOfGit is said of every writable work tree.
const warnOfGit = "git on this host trusts what is in %s: its config, hooks and info are read-only for the bottle, the rest cannot be; for an agent that you do not trust use --clone"

// gitMounts lays the guards over the git directory of a work tree: the
// directory onto itself, so that it cannot be renamed away, and its guarded
// parts read-only. A linked work tree brings its common directory.
func gitMounts(dir string, readOnly bool) ([]events.Mount, error) {
	dot := filepath.Join(dir, ".git")
	st, err := os.Lstat(dot)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		if readOnly {
			return nil, nil
		}
		return guardMounts(dot)
	}
	if !st.Mode().IsRegular() {
		return nil, usage("--workspace %s: its .git is neither a folder nor a file", dir)
	}
	common, err := commonGitDir(dot)
	if err != nil {
		return nil, &Problem{Code: CodeUsage, Message: "--workspace " + dir + ": its .git file", Err: err}
	}
	if readOnly {
		return []events.Mount{{Source: common, Target: common, ReadOnly: true}}, nil
	}
	guards, err := guardMounts(common)
	// the pointer itself must go on pointing there
	return append(guards, events.Mount{Source: dot, Target: dot, ReadOnly: true, Guard: true}), err
}

func guardMounts(git string) ([]events.Mount, error) {
	out := []events.Mount{{Source: git, Target: git, Guard: true}}
	for _, part := range guarded {
		p := filepath.Join(git, part)
		st, err := os.Lstat(p)
		switch {
		case os.IsNotExist(err) && part == "config":
			continue // not a repository that git would read
		case os.IsNotExist(err):
			// An absent folder would be the guest's to make: start makes it.
		case err != nil:
			return nil, fmt.Errorf("guard %s: %w", p, err)
		case st.Mode()&os.ModeSymlink != 0:
			return nil, usage("%s is a link, which cannot be guarded: use --clone", p)
		}
		out = append(out, events.Mount{Source: p, Target: p, ReadOnly: true, Guard: true})
	}
	for _, part := range guardedWhereTheyAre {
		if p := filepath.Join(git, part); isFile(p) {
			out = append(out, events.Mount{Source: p, Target: p, ReadOnly: true, Guard: true})
		}
	}
	inner, err := innerGuards(git)
	return append(out, inner...), err
}

func isFile(p string) bool {
	st, err := os.Lstat(p)
	return err == nil && st.Mode().IsRegular()
}

// innerGuards covers the git directories inside a git directory: those of
// linked work trees, and of submodules, which nest.
func innerGuards(git string) (out []events.Mount, err error) {
	for _, kind := range []string{"worktrees", "modules"} {
		top := filepath.Join(git, kind)
		err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) && p == top {
				return fs.SkipAll
			}
			if err != nil {
				return err
			}
			if !d.IsDir() || !isFile(filepath.Join(p, "HEAD")) {
				return nil
			}
			parts := append([]string{}, guardedWhereTheyAre...)
			if kind == "modules" {
				parts = append(parts, guarded...)
			}
			for _, part := range parts {
				if q := filepath.Join(p, part); isFile(q) || isDir(q) {
					out = append(out, events.Mount{Source: q, Target: q, ReadOnly: true, Guard: true})
				}
			}
			if kind == "modules" && isDir(filepath.Join(p, "modules")) {
				return nil // a submodule of a submodule
			}
			return fs.SkipDir
		})
		if err != nil {
			return nil, fmt.Errorf("guard %s: %w", top, err)
		}
	}
	return out, nil
}

func isDir(p string) bool {
	st, err := os.Lstat(p)
	return err == nil && st.IsDir()
}
