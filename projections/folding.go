package projections

import (
	"context"
	"fmt"
	"slices"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// folding is the whole log folded in memory, as far as seq.
type folding struct {
	streams map[string]*entry
	seq     int64 // of the last event
}

func newFolding() *folding { return &folding{streams: map[string]*entry{}} }

// add folds the next event of the log. What may be redacted is left out: no
// table holds it.
func (f *folding) add(e events.Event) error {
	if e.Seq != f.seq+1 {
		return fmt.Errorf("fold the log: event %d follows %d", e.Seq, f.seq)
	}
	s := f.streams[e.Stream]
	if s == nil {
		s = &entry{}
		f.streams[e.Stream] = s
	}
	e.Erasable = nil
	if err := s.add(e); err != nil {
		return err
	}
	f.seq = e.Seq
	return nil
}

// bottles lists what was folded in the order of creation.
func (f *folding) bottles() []Bottle {
	out := make([]Bottle, 0, len(f.streams))
	for _, s := range f.streams {
		if !s.other {
			out = append(out, s.Bottle)
		}
	}
	slices.SortFunc(out, func(a, b Bottle) int { return int(a.CreatedSeq - b.CreatedSeq) })
	return out
}

// LoadView folds one bottle as a reader sees it. An id without a bottle is
// *[NoSuchBottle].
func LoadView(ctx context.Context, v *events.View, id string) (Bottle, error) {
	stream, err := v.Stream(ctx, id)
	if err != nil {
		return Bottle{}, err
	}
	var e entry
	if err := e.add(stream...); err != nil {
		return Bottle{}, err
	}
	if e.Version == 0 || e.other {
		return Bottle{}, &NoSuchBottle{Word: id}
	}
	return e.Bottle, nil
}

// FoldAll makes the rows of all bottles, removed ones too, out of the log
// alone, newest first: what [List] would read from tables that are up to date.
// It is for a reader whose tables an older program wrote and who cannot write.
func FoldAll(ctx context.Context, v *events.View) ([]Row, error) {
	f := newFolding()
	if err := v.Scan(ctx, events.Filter{}, f.add); err != nil {
		return nil, fmt.Errorf("fold the log: %w", err)
	}
	out := []Row{}
	for _, b := range slices.Backward(f.bottles()) {
		out = append(out, RowOf(b))
	}
	return out, nil
}
