package lifecycle

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
)

// takeRecord records one bottle: what it was, the very instance that was
// found, and how that is now, in one append. The engine is only asked.
func (m *Manager) takeRecord(ctx context.Context, in *importing, r *record, item *PlanItem) error {
	m.At("import:record")
	id := m.NewID()
	p := in.places[item.Backend]
	c := importedBottle(r, item.instance)
	c.Slug, c.Backend, c.Endpoint = item.Bottle, item.Backend, p.endpoint
	if c.BackendSource = events.ImportedBackend; r.Backend == "" {
		c.BackendSource = events.FallbackBackend
	}
	ctx = bookkeeping(ctx)
	err := m.Log.Update(ctx, func(tx *events.Tx) error {
		if o := item.instance; o != nil {
			c.InstanceName = o.Name
			if err := freeSlug(ctx, tx, &c); err != nil {
				return err
			}
		} else {
			c.InstanceName = InstancePrefix + c.Slug
			if err := freeName(ctx, tx, &c, c.Slug, 1); err != nil {
				return err
			}
		}
		_, err := tx.Append(ctx, id, 0, append([]events.Payload{&c}, asFound(item, p.engine)...)...)
		return err
	})
	m.At("import:recorded")
	if err != nil {
		return err
	}
	item.Bottle = c.Slug
	m.step(c.Slug, "BottleCreated", fmt.Sprintf("imported %s", r.Identity))
	if r.Backend == "" {
		m.warn(c.Slug, fmt.Sprintf("its record names no backend: %s is assumed", c.Backend))
	}
	if item.instance == nil {
		m.warn(c.Slug, fmt.Sprintf("it is lost: %s; to let go of it: bot-bottle rm %s", item.why, c.Slug))
	}
	return nil
}

// importedBottle works the first event out of a record and what was found.
// The words of what keeps the instance alive are not the agent's.
func importedBottle(r *record, o *backends.Observation) events.BottleCreated {
	c := events.BottleCreated{Spec: events.Spec{Network: netFull}, Private: events.Private{Workspace: events.Workspace{Mode: workNone}}}
	if o != nil {
		c = adopted(*o)
		c.Argv = nil
	}
	c.Source, c.Agent, c.Imported = sourceImport, r.AgentName, &r.Imported
	c.Cwd, c.ImportedFrom, c.ImportedUnknown = r.cwd, r.file, r.unknown
	return c
}

// asFound says how an imported bottle's instance is, after its first event.
func asFound(item *PlanItem, engine backends.Engine) []events.Payload {
	o := item.instance
	if o == nil {
		return []events.Payload{&events.BottleObserved{Status: string(backends.StatusGone), Expected: "created", Detail: oneLine(item.why)}}
	}
	out := []events.Payload{&events.InstanceCreated{Generation: 1, InstanceName: o.Name, InstanceID: o.ID, ImageID: o.ImageID,
		Runtime: o.Runtime, EngineID: engine.ID, BackendVersion: engine.Version, Session: orElse(o.Session, SessionEngine)}}
	switch o.Status {
	case backends.StatusRunning, backends.StatusPaused, backends.StatusUnresponsive:
		out = append(out, &events.BottleStarted{Generation: 1, Action: "observed"})
	default:
		out = append(out, &events.BottleStopped{Generation: 1, Reason: events.ReasonImported, ExitCode: o.ExitCode})
	}
	if o.Status == backends.StatusPaused || o.Status == backends.StatusUnresponsive {
		out = append(out, &events.BottleObserved{Status: string(o.Status), Expected: "running"})
	}
	return out
}
