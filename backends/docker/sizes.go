package docker

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Sizes returns how much each container of the home has written on its own
// layer. The engine walks all of its files for that.
func (b *Backend) Sizes(ctx context.Context, home string) (map[string]int64, error) {
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	found, err := b.api.ContainerList(ctx, container.ListOptions{All: true, Size: true,
		Filters: filters.NewArgs(label(backends.LabelHome, home))})
	if err != nil {
		return nil, b.fail(ctx, "sizes of containers", err)
	}
	out := make(map[string]int64, len(found))
	for _, c := range found {
		out[c.ID] = c.SizeRw
	}
	return out, nil
}
