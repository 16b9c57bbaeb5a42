package projections

import "gitea.dideric.is/didericis/bot-bottle/events"

// entry is a stream folded so far: a bottle, or the home's own stream, which
// has no bottle in it.
type entry struct {
	Bottle
	other bool
}

// add folds what comes next in the stream.
func (e *entry) add(next ...events.Event) error {
	for _, n := range next {
		if n.Version == 1 && n.Type == homeEvent {
			e.other = true
		}
		if e.other {
			e.Version = n.Version
			continue
		}
		if err := e.Apply(n); err != nil {
			return err
		}
	}
	return nil
}

// homeEvent is what the home's own stream begins with.
const homeEvent = "LogRestored"
