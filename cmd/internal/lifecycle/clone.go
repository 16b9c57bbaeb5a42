package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// clonesDir holds the clones that --clone makes, below the home, one folder a
// bottle id.
const clonesDir = "clones"

// git runs git on a repository of the user's. It is never run inside what a
// guest can write: a config there is a program.
func git(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"}, args...)...)
	cmd.Env = append(os.Environ(), append(env, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", &Problem{Code: CodeUsage, Message: "git is not installed, and --clone needs it", Next: "apt-get install git"}
	case err != nil:
		last := strings.TrimSpace(talk.String())
		if i := strings.LastIndexByte(last, '\n'); i >= 0 {
			last = last[i+1:]
		}
		return out.String(), fmt.Errorf("git %s: %w: %s", args[0], err, last)
	}
	return strings.TrimSpace(out.String()), nil
}

func (m *Manager) planClone(ctx context.Context, cwd, from string) (events.Workspace, error) {
	dir, err := m.hostPath(cwd, from)
	if err == nil {
		err = mustBeDir(dir)
	}
	if err != nil {
		return events.Workspace{}, &Problem{Code: CodeUsage, Message: "--clone " + from, Err: err}
	}
	top, err := git(ctx, nil, "-C", dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return events.Workspace{}, &Problem{Code: CodeUsage, Message: "--clone " + from + " is not in a git work tree", Err: err}
	}
	head, err := git(ctx, nil, "-C", top, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return events.Workspace{}, &Problem{Code: CodeUsage, Message: "--clone " + from + " has no commit to clone", Err: err}
	}
	return events.Workspace{Mode: workClone, Source: top, Target: top, Commit: head}, nil
}

// makeClone clones HEAD of the workspace's source to its clone folder. A half
// made one of a crash is made anew: no guest has seen it.
func makeClone(ctx context.Context, w events.Workspace) error {
	if err := os.RemoveAll(w.Clone); err != nil {
		return fmt.Errorf("clear the way for the clone: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(w.Clone), 0o700); err != nil {
		return fmt.Errorf("make the folder of the clone: %w", err)
	}
	_, err := git(ctx, nil, "clone", "--quiet", "--no-hardlinks", "--template=", "--", w.Source, w.Clone)
	return err
}

// FetchLine is the command that brings a clone's work back, ready to paste.
func FetchLine(w events.Workspace) string {
	return fmt.Sprintf("git -C %s fetch %s HEAD", quote(w.Source), quote(w.Clone))
}

// quote makes a word safe to paste into a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// onlyCopy says what a clone holds that its source lacks; "" is nothing. The
// clone is the guest's, so git never runs in it: its refs are read as files,
// and the work tree is compared with the source's own git directory.
func onlyCopy(ctx context.Context, w events.Workspace) (string, error) {
	if w.Mode != workClone || !exists(w.Clone) {
		return "", nil
	}
	refs, err := readRefs(filepath.Join(w.Clone, ".git"))
	if err != nil {
		return "", fmt.Errorf("read the clone's refs: %w", err)
	}
	for name, commit := range refs {
		if _, err := git(ctx, nil, "-C", w.Source, "cat-file", "-e", commit+"^{commit}"); err != nil {
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				return "", err
			}
			return fmt.Sprintf("%s at %.12s, which %s does not have", name, commit, w.Source), nil
		}
	}
	dir, err := git(ctx, nil, "-C", w.Source, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp("", "bot-bottle-index-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	env := []string{"GIT_DIR=" + dir, "GIT_WORK_TREE=" + w.Clone, "GIT_INDEX_FILE=" + filepath.Join(tmp, "index")}
	if _, err := git(ctx, env, "read-tree", orElse(refs["HEAD"], w.Commit)); err != nil {
		return "", err
	}
	changed, err := git(ctx, env, "status", "--porcelain", "--ignore-submodules=all", "--untracked-files=normal")
	if err != nil {
		return "", err
	}
	if n := len(strings.Fields(strings.ReplaceAll(changed, " ", "_"))); n > 0 {
		return fmt.Sprintf("%d changed or new files that are not committed", n), nil
	}
	return "", nil
}
