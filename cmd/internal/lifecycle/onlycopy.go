package lifecycle

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// onlyCopy says what a clone holds that its source lacks; "" is nothing. The
// clone is the guest's, so git never runs in it: its refs are read as files,
// and the work tree is compared with the source's own git directory. What
// cannot be compared may be work.
func onlyCopy(ctx context.Context, w events.Workspace) (string, error) {
	if w.Mode != workClone || !exists(w.Clone) {
		return "", nil
	}
	refs, more, err := readRefs(w.Clone)
	if err != nil || more != "" {
		return more, err
	}
	lacking, err := lacks(ctx, w.Source, refs)
	if err != nil || lacking != "" {
		return lacking, err
	}
	changed, err := changedFiles(ctx, w, orElse(refs["HEAD"], w.Commit))
	if err != nil || changed == 0 {
		return "", err
	}
	return fmt.Sprintf("%d changed or new files that are not committed", changed), nil
}

// lacks names a ref whose commit a repository does not have; "" is none. All
// are asked about at once: a repository may have thousands of tags.
func lacks(ctx context.Context, repo string, refs map[string]string) (string, error) {
	names := slices.Sorted(maps.Keys(refs))
	var ask strings.Builder
	for _, name := range names {
		ask.WriteString(refs[name] + "\n")
	}
	out, err := gitFed(ctx, strings.NewReader(ask.String()), nil, "-C", repo, "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return "", err
	}
	answers := strings.Split(out, "\n")
	for i, name := range names {
		if i >= len(answers) || answers[i] != refs[name] { // else "HASH missing"
			return fmt.Sprintf("%s at %.12s, which %s does not have", name, refs[name], repo), nil
		}
	}
	return "", nil
}

// changedFiles counts what differs in the clone's work tree from a commit,
// with an index of our own.
func changedFiles(ctx context.Context, w events.Workspace, commit string) (int, error) {
	dir, err := git(ctx, nil, "-C", w.Source, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return 0, err
	}
	tmp, err := os.MkdirTemp("", "bot-bottle-index-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	env := []string{"GIT_DIR=" + dir, "GIT_WORK_TREE=" + w.Clone, "GIT_INDEX_FILE=" + filepath.Join(tmp, "index")}
	if _, err := git(ctx, env, "read-tree", commit); err != nil {
		return 0, err
	}
	// not status, which tells as well what became of the source's HEAD since
	changed, err := git(ctx, env, "ls-files", "--modified", "--others", "--exclude-standard", "--directory", "--no-empty-directory")
	if err != nil || changed == "" {
		return 0, err
	}
	return 1 + strings.Count(changed, "\n"), nil
}
