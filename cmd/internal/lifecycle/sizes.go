package lifecycle

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Sizes asks the engines of the named bottles, in turn, how much each has
// written on its instance's own disk: bytes, by bottle id. An engine that does
// not answer is in failed and its bottles are not in sizes.
func (m *Manager) Sizes(ctx context.Context, bottles []projections.Bottle) (sizes map[string]int64, failed []error) {
	sizes = map[string]int64{}
	for _, p := range places(bottles) {
		found, err := m.sizesAt(ctx, p)
		if err != nil {
			failed = append(failed, err)
		}
		for _, b := range bottles {
			if b.Instance == nil || placeOf(b) != p {
				continue
			}
			if n, ok := found[b.Instance.InstanceID]; ok {
				sizes[b.ID] = n
			}
		}
	}
	return sizes, failed
}

func (m *Manager) sizesAt(ctx context.Context, p place) (map[string]int64, error) {
	be, err := m.Backends.Open(p.backend, p.endpoint)
	if err != nil {
		return nil, err
	}
	defer be.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	found, err := be.Sizes(q, m.Log.HomeID())
	return found, m.unanswered(ctx, q, p, err)
}
