package docker

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// asAgent makes a command that does not say what it runs as run with what the
// agent has: its user, its folder and its HOME. The engine knows only those of
// the program that holds it.
func (b *Backend) asAgent(ctx context.Context, c container.InspectResponse, h held, cmd *backends.Command) error {
	cmd.Workdir, cmd.User = orElse(cmd.Workdir, h.o.Workdir), orElse(cmd.User, h.o.User)
	// The engine gives a user the home of his entry, and else none.
	if !isNumber(cmd.User) || h.o.Home == "" || slices.ContainsFunc(slices.Concat(c.Config.Env, cmd.Env), isHome) {
		return nil
	}
	entry, err := b.hasEntry(ctx, c.ID, cmd.User)
	if err == nil && !entry {
		cmd.Env = append(slices.Clone(cmd.Env), "HOME="+h.o.Home)
	}
	return err
}

// isNumber says whether a user is named by his number. One by name has an
// entry, or there is no such user.
func isNumber(who string) bool {
	who, _, _ = strings.Cut(who, ":")
	return who != "" && strings.Trim(who, "0123456789") == ""
}

// hasEntry says whether a container's user has an entry in its /etc/passwd,
// and so a home of his own.
func (b *Backend) hasEntry(ctx context.Context, id, who string) (bool, error) {
	text, err := b.smallFile(ctx, id, "/etc/passwd")
	if errors.Is(err, backends.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return inPasswd(text, who), nil
}

// inPasswd looks a numeric user up in the text of a passwd(5) file.
func inPasswd(text, who string) bool {
	who, _, _ = strings.Cut(who, ":")
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) >= 6 && fields[2] == who && fields[5] != "" {
			return true
		}
	}
	return false
}
