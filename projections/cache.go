package projections

import (
	"context"
	"sync"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Tables keeps the tables of bottles in step with the log. It implements
// [events.Projector] and remembers, for one process, the bottles it has
// folded, so that an append to a long stream folds only what is new.
//
// What it remembers across transactions was read in one that had appended
// nothing to that bottle yet: such events are committed and never change, so
// a transaction that is undone leaves nothing wrong behind.
type Tables struct {
	mu        sync.Mutex
	committed map[string]entry
	tx        *events.Tx       // the transaction that ours belongs to
	ours      map[string]entry // as tx sees them
	touched   map[string]bool  // that tx has appended to
}

// NewTables makes the tables' projector for one log.
func NewTables() *Tables { return &Tables{committed: map[string]entry{}} }

// Revision numbers the meaning of the fold.
func (t *Tables) Revision() int { return FoldRevision }

// Load folds a bottle as the transaction sees it, its own appends included.
// What it returns is the caller's own copy. An id without a bottle is
// *[NoSuchBottle].
func (t *Tables) Load(ctx context.Context, tx *events.Tx, id string) (Bottle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, err := t.load(ctx, tx, id)
	if err != nil {
		return Bottle{}, err
	}
	if e.Version == 0 || e.other {
		return Bottle{}, &NoSuchBottle{Word: id}
	}
	return e.Clone(), nil
}

func (t *Tables) load(ctx context.Context, tx *events.Tx, id string) (entry, error) {
	t.enter(tx)
	e, ok := t.ours[id]
	if !ok {
		e = t.committed[id]
	}
	rest, err := tx.StreamAfter(ctx, id, e.Version)
	if err != nil {
		return entry{}, err
	}
	if err := e.add(rest...); err != nil {
		return entry{}, err
	}
	t.keep(id, e)
	return e, nil
}

// enter makes tx the transaction whose view of bottles is kept.
func (t *Tables) enter(tx *events.Tx) {
	if t.tx != tx {
		t.tx, t.ours, t.touched = tx, map[string]entry{}, map[string]bool{}
	}
}

func (t *Tables) keep(id string, e entry) {
	if e.Version == 0 {
		return
	}
	t.ours[id] = e
	switch {
	case t.touched[id]:
	case e.State == Removed:
		delete(t.committed, id) // hardly asked for again, and it may be redacted
	default:
		t.committed[id] = e
	}
}

// forget drops what tx made of its own appends.
func (t *Tables) forget(tx *events.Tx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tx == tx {
		t.tx = nil
	}
}

// advance folds what was appended and returns each bottle once.
func (t *Tables) advance(ctx context.Context, tx *events.Tx, appended []events.Event) ([]change, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enter(tx)
	var out []change
	for _, part := range byStream(appended) {
		id := part[0].Stream
		e, err := t.before(ctx, tx, part[0])
		if err != nil {
			return nil, err
		}
		for _, a := range part {
			if a.Version <= e.Version {
				continue // it was read with what came before
			}
			if err := e.add(a); err != nil {
				return nil, err
			}
		}
		t.touched[id], t.ours[id] = true, e
		if !e.other {
			out = append(out, changeOf(e.Bottle, part))
		}
	}
	return out, nil
}

// before is the stream as it was before an appended event; when it has to be
// read for that, the event and what follows are in it already.
func (t *Tables) before(ctx context.Context, tx *events.Tx, first events.Event) (entry, error) {
	e, ok := t.ours[first.Stream]
	if !ok {
		e = t.committed[first.Stream]
	}
	if e.Version == first.Version-1 {
		return e, nil
	}
	rest, err := tx.StreamAfter(ctx, first.Stream, e.Version)
	if err != nil {
		return entry{}, err
	}
	err = e.add(rest...)
	return e, err
}

// byStream splits events by their stream, in the order of its first one.
func byStream(log []events.Event) [][]events.Event {
	at := map[string]int{}
	var out [][]events.Event
	for _, e := range log {
		i, ok := at[e.Stream]
		if !ok {
			i = len(out)
			at[e.Stream] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}
