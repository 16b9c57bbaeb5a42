package docker

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// defaultPath is the PATH of a container whose image sets none, as in
// Docker's oci/caps defaults for Linux.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// likely folders are looked at first: each look is a question to the engine,
// and where in PATH a command is does not matter here.
var likely = []string{"/usr/bin", "/bin", "/usr/local/bin"}

// checkCommand looks for the command of a container that nothing of ours holds
// and whose main process an init program will run: that one starts well and
// then ends with 126 or 127, as if the agent had, where the engine by itself
// refuses the start. A command that ran before is there, unless its agent
// removed it; then that end is told.
func (b *Backend) checkCommand(ctx context.Context, op string, c container.InspectResponse) error {
	if c.HostConfig.Init == nil || !*c.HostConfig.Init || c.Path == "" || ranBefore(c) {
		return nil
	}
	if err := b.lookFor(ctx, c.ID, c.Path, c.Config.WorkingDir, c.Config.Env); err != nil {
		return fmt.Errorf("%s: %q: %w", op, c.Path, err)
	}
	return nil
}

// ranBefore says whether the main process of a container was executed, as far
// as its last end tells.
func ranBefore(c container.InspectResponse) bool {
	return !moment(c.State.StartedAt).IsZero() && c.State.ExitCode != codeNotFound && c.State.ExitCode != codeNotExecutable
}

// lookFor looks for a command in a container. nil: it is there, or that could
// not be found out and is left to the engine.
func (b *Backend) lookFor(ctx context.Context, id, command, workdir string, env []string) error {
	verdict := backends.ErrCommandNotFound
	for _, p := range candidates(command, workdir, env) {
		st, err := b.api.ContainerStatPath(ctx, id, p)
		switch {
		case cerrdefs.IsNotFound(err):
		case err != nil || executable(st):
			return nil
		default:
			verdict = backends.ErrNotExecutable
		}
	}
	return verdict
}

// candidates lists the paths that a command can mean.
func candidates(command, workdir string, env []string) []string {
	if strings.Contains(command, "/") {
		if !path.IsAbs(command) {
			command = path.Join("/", workdir, command)
		}
		return []string{command}
	}
	search := defaultPath
	for _, kv := range env {
		if p, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = p
		}
	}
	var out []string
	dirs := strings.Split(search, ":")
	slices.SortStableFunc(dirs, func(a, b string) int { return rank(a) - rank(b) })
	for _, dir := range dirs {
		if !path.IsAbs(dir) {
			dir = path.Join("/", workdir, dir)
		}
		out = append(out, path.Join(dir, command))
	}
	return slices.Compact(out)
}

func rank(dir string) int {
	if i := slices.Index(likely, path.Clean(dir)); i >= 0 {
		return i
	}
	return len(likely)
}

// executable says whether a file may be executed. A link may lead anywhere,
// so it may.
func executable(st container.PathStat) bool {
	switch {
	case st.Mode&fs.ModeSymlink != 0:
		return true
	case !st.Mode.IsRegular():
		return false
	}
	return st.Mode&0o111 != 0
}
