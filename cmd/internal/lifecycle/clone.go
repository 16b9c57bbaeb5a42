package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// clonesDir holds the clones that --clone makes, below the home, one folder a
// bottle id.
const clonesDir = "clones"

// git runs git on a repository of the user's. It is never run inside what a
// guest can write: a config there is a program.
func git(ctx context.Context, env []string, args ...string) (string, error) {
	return gitFed(ctx, nil, env, args...)
}

// gitFed is git with something to read.
func gitFed(ctx context.Context, in io.Reader, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"}, args...)...)
	cmd.Env = append(gitEnv(os.Environ()), append(env, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")...)
	var out, talk bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &talk
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

// gitEnv drops what leads git to another repository than the one that is
// named: a hook of git's runs with such variables. Where git's own files and
// settings are stays.
func gitEnv(environ []string) []string {
	return slices.DeleteFunc(environ, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM":
			return false
		}
		return strings.HasPrefix(name, "GIT_")
	})
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

// makeClone clones the workspace's source to its clone folder, at the commit
// that was planned: HEAD may have moved while an image was pulled, or since a
// first try. A half made one of a crash is made anew: no guest has seen it,
// so that git may still run in it.
func makeClone(ctx context.Context, w events.Workspace) error {
	if err := os.RemoveAll(w.Clone); err != nil {
		return fmt.Errorf("clear the way for the clone: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(w.Clone), 0o700); err != nil {
		return fmt.Errorf("make the folder of the clone: %w", err)
	}
	if _, err := git(ctx, nil, "clone", "--quiet", "--no-hardlinks", "--template=", "--", w.Source, w.Clone); err != nil {
		return err
	}
	head, err := git(ctx, nil, "-C", w.Clone, "rev-parse", "HEAD")
	if err == nil && head != w.Commit {
		_, err = git(ctx, nil, "-C", w.Clone, "reset", "--quiet", "--hard", w.Commit)
	}
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
