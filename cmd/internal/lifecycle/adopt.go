package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// AdoptRequest is what `adopt` was asked for.
type AdoptRequest struct {
	Instance          string // name or id in the engine
	Backend, Endpoint string
	FromHome          string // id of the home whose label it carries; "" ours
	Name              string // slug; "" makes one
}

// Adopt takes a stopped instance that carries our labels into the log: after
// a log was lost, or restored from before the bottle was made. Another home's
// instance is taken only when that home is named.
func (m *Manager) Adopt(ctx context.Context, r AdoptRequest) (projections.Bottle, error) {
	var none projections.Bottle
	if r.Name != "" {
		if err := CheckSlug(r.Name); err != nil {
			return none, err
		}
	}
	kind, endpoint, _, err := m.choose(ctx, r.Backend, r.Endpoint)
	if err != nil {
		return none, err
	}
	be, err := m.Backends.Open(kind, endpoint)
	if err != nil {
		return none, err
	}
	defer be.Close()
	r.Backend = kind
	q, cancel := m.bounded(ctx)
	defer cancel()
	refuse := func(err error) (projections.Bottle, error) {
		err = m.unanswered(ctx, q, place{kind, endpoint}, err)
		var p *Problem
		if errors.As(err, &p) {
			p.Backend = kind
		}
		return none, err
	}
	o, err := m.findAdoptee(q, be, r)
	if err != nil {
		return refuse(err)
	}
	engine, err := be.Probe(q)
	if err != nil {
		return refuse(err)
	}
	if isUUID(o.Labels.Bottle) { // so that no cleanup deletes it at the same time
		h, err := m.take(ctx, o.Labels.Bottle)
		if err != nil {
			return refuse(err)
		}
		defer h.release()
	}
	m.At("adopt:found")
	// the list is short on details, and what it says may be over
	o, err = be.Inspect(q, backends.Ref{Name: o.Name, ID: o.ID, Labels: o.Labels, Foreign: true})
	if err == nil {
		err = adoptable(o, r)
	}
	if err != nil {
		return refuse(err)
	}
	b, err := m.takeIn(ctx, r, kind, endpoint, o, engine)
	if err != nil {
		return refuse(err)
	}
	return b, nil
}

// findAdoptee looks an instance up among those with a bot-bottle label.
func (m *Manager) findAdoptee(ctx context.Context, be backends.Backend, r AdoptRequest) (backends.Observation, error) {
	home := orElse(r.FromHome, m.Log.HomeID())
	all, err := be.List(ctx, "")
	if err != nil {
		return backends.Observation{}, err
	}
	i := slices.IndexFunc(all, func(o backends.Observation) bool {
		return o.Name == r.Instance || o.ID == r.Instance || len(r.Instance) >= 12 && strings.HasPrefix(o.ID, r.Instance)
	})
	if i < 0 {
		return backends.Observation{}, adoptable(backends.Observation{Status: backends.StatusGone}, r)
	}
	o := all[i]
	if o.Labels.Home != home {
		return o, &Problem{Code: CodeWrongState, Message: fmt.Sprintf("adopt: instance %s belongs to home %s, not to %s", o.Name, o.Labels.Home, home),
			Next: r.command(o.Name) + " --from-home " + o.Labels.Home}
	}
	return o, adoptable(o, r)
}

// command spells the adoption of an instance for the terminal.
func (r AdoptRequest) command(instance string) string {
	s := "bot-bottle adopt " + quote(instance) + " --backend " + r.Backend
	if r.Endpoint != "" {
		s += " --endpoint " + quote(r.Endpoint)
	}
	return s
}

// adoptable says why an instance cannot be taken in.
func adoptable(o backends.Observation, r AdoptRequest) error {
	switch o.Status {
	case backends.StatusCreated, backends.StatusStopped:
		return nil
	case backends.StatusGone, backends.StatusReplaced:
		return &Problem{Code: CodeWrongState, Next: "bot-bottle cleanup",
			Message: fmt.Sprintf("adopt: no instance %s with bot-bottle's labels in that engine", clip(r.Instance))}
	}
	return &Problem{Code: CodeWrongState, Next: r.command(o.Name) + ", once it is stopped in its engine",
		Message: fmt.Sprintf("adopt: instance %s is %s: only a stopped one can be taken in", o.Name, o.Status)}
}

// takeIn records the instance. The bottle id of its labels is used again when
// the log does not know it; otherwise the bottle gets a new id and the
// instance is known by its exact id alone.
func (m *Manager) takeIn(ctx context.Context, r AdoptRequest, kind, endpoint string, o backends.Observation, engine backends.Engine) (b projections.Bottle, err error) {
	c := adopted(o)
	c.Backend, c.Endpoint, c.BackendSource, c.InstanceName = kind, endpoint, byFlag, o.Name
	ctx = bookkeeping(ctx)
	err = m.Log.Update(ctx, func(tx *events.Tx) error {
		if err := m.notHeld(ctx, tx, o); err != nil {
			return err
		}
		id, generation := o.Labels.Bottle, max(o.Labels.Generation, 1)
		known := true
		if _, err := m.Tables.Load(ctx, tx, id); err != nil {
			var none *projections.NoSuchBottle
			if !errors.As(err, &none) {
				return err
			}
			known = false
		}
		if known || o.Labels.Home != m.Log.HomeID() || !isUUID(id) {
			c.OldHome, c.OldBottle = o.Labels.Home, id
			id, generation = m.NewID(), 1
		}
		made := r.Name == ""
		if c.Slug = orElse(r.Name, orElse(madeSlug(o.Slug), "adopted")); made {
			if err := freeSlug(ctx, tx, &c); err != nil {
				return err
			}
		} else if err := projections.CheckName(ctx, tx, c.Slug, kind, endpoint, c.InstanceName); err != nil {
			return err
		}
		_, err := tx.Append(ctx, id, 0, &c,
			&events.InstanceCreated{Generation: generation, InstanceName: o.Name, InstanceID: o.ID, Nonce: o.Labels.Nonce,
				ImageID: o.ImageID, Runtime: o.Runtime, EngineID: engine.ID, BackendVersion: engine.Version, Session: orElse(o.Session, SessionEngine)},
			&events.BottleStopped{Generation: generation, Reason: events.ReasonAdopted, ExitCode: o.ExitCode})
		if err != nil {
			return err
		}
		b, err = m.Tables.Load(ctx, tx, id)
		return err
	})
	return b, err
}

// notHeld refuses an instance that a bottle of the log has already.
func (m *Manager) notHeld(ctx context.Context, tx *events.Tx, o backends.Observation) error {
	rows, err := projections.List(ctx, tx, projections.Query{})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.InstanceID == o.ID {
			return &Problem{Code: CodeWrongState, Slug: row.Slug, Message: fmt.Sprintf("adopt: instance %s is bottle %s already", o.Name, row.Slug),
				Next: "bot-bottle show " + row.Slug}
		}
	}
	return nil
}

// adopted works a spec out of what the engine says of an instance.
func adopted(o backends.Observation) events.BottleCreated {
	c := events.BottleCreated{
		Source: "adopt", Agent: agentOf(o.Argv),
		Spec: events.Spec{Image: orElse(o.Image, o.ImageID), User: o.User, Network: orElse(o.Network, netFull), TTY: o.TTY,
			Runtime: o.Runtime, Limits: events.Limits{CPUs: o.CPUs, Memory: o.Memory, Pids: o.Pids}},
		Private: events.Private{Argv: o.Argv, Workdir: o.Workdir, Workspace: events.Workspace{Mode: workNone}},
	}
	for _, mt := range o.Mounts {
		c.Mounts = append(c.Mounts, events.Mount{Source: mt.Source, Target: mt.Target, ReadOnly: mt.ReadOnly})
	}
	for _, p := range o.Ports {
		c.Spec.Ports = append(c.Spec.Ports, events.Port{HostIP: p.HostIP, HostPort: p.HostPort, GuestPort: p.GuestPort, Protocol: p.Protocol})
	}
	return c
}

func isUUID(s string) bool {
	return len(s) == 36 && strings.Count(s, "-") == 4 && strings.Trim(s, "0123456789abcdef-") == ""
}
