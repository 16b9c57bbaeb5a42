package projections

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Fold applies a stream from its first event on.
func Fold(stream []events.Event) (Bottle, error) {
	var b Bottle
	for _, e := range stream {
		if err := b.Apply(e); err != nil {
			return b, err
		}
	}
	return b, nil
}

// Apply folds one more event into b. It depends on nothing but its two
// inputs, and changes neither the event nor any other copy of b. An event out
// of order or of an unknown type is an error: skipping it would make state
// that the log does not say. After an error b is what it was.
func (b *Bottle) Apply(e events.Event) error {
	if e.Version != b.Version+1 || b.Version > 0 && e.Stream != b.ID {
		return fmt.Errorf("fold bottle %s: event %d is version %d of stream %s, expected was version %d", b.ID, e.Seq, e.Version, e.Stream, b.Version+1)
	}
	p, err := events.Decode(e)
	if err != nil {
		return fmt.Errorf("fold bottle %s: %w", e.Stream, err)
	}
	if _, first := p.(*events.BottleCreated); first != (e.Version == 1) {
		return fmt.Errorf("fold bottle %s: %s at version %d: a stream begins with BottleCreated, once", e.Stream, e.Type, e.Version)
	}
	before := *b
	if err := b.apply(e, p); err != nil {
		*b = before
		return fmt.Errorf("fold bottle %s: %s at version %d: %w", e.Stream, e.Type, e.Version, err)
	}
	b.Version, b.Seq, b.UpdatedAt = e.Version, e.Seq, e.Time
	return nil
}

func (b *Bottle) apply(e events.Event, p events.Payload) error {
	switch p := p.(type) {
	case *events.BottleCreated:
		b.create(e, p)
	case *events.ActionRequested:
		return b.claim(e, p)
	case *events.ActionFailed:
		b.fail(e, p)
	case *events.InstanceCreated:
		b.Instance, b.Generation, b.InstanceName = p, p.Generation, p.InstanceName
		b.Observed = "" // was said of the instance before
	case *events.ResourceCreated:
		b.acquire(Resource{p.Kind, p.Ref})
	case *events.ResourceReleased:
		b.release(Resource{p.Kind, p.Ref})
	case *events.BottleStarted:
		return b.start(e, p)
	case *events.BottleStopped:
		b.stop(p)
	case *events.BottleRemoved:
		b.enter(Removed)
		b.LeftBehind = p.LeftBehind
	case *events.AgentExited:
		b.ExitCode, b.Signal = p.ExitCode, p.Signal
	case *events.BottleObserved:
		return b.observe(e, p)
	case *events.BottleRenamed:
		b.Slug = p.To
	case *events.BottleLabelled:
		b.label(p)
	case *events.BottleProtected:
		b.Protected = p.On
	case *events.SessionAttached, *events.ExecStarted, *events.ExecEnded,
		*events.FileCopied, *events.InputSent:
		// audit: they move the version and the time, nothing else
	default:
		return fmt.Errorf("no fold for it")
	}
	return nil
}

func (b *Bottle) create(e events.Event, p *events.BottleCreated) {
	*b = Bottle{
		ID: e.Stream, Slug: p.Slug, Agent: p.Agent, Source: p.Source,
		Backend: p.Backend, Endpoint: p.Endpoint, BackendSource: p.BackendSource,
		InstanceName: p.InstanceName, IdempotencyKey: p.IdempotencyKey,
		OldHome: p.OldHome, OldBottle: p.OldBottle, Imported: p.Imported,
		State: Created, Spec: p.Spec, Protected: p.Spec.Protected,
		CreatedSeq: e.Seq, CreatedAt: e.Time,
	}
	if e.Erasable != nil {
		b.Private = &p.Private
	}
	b.label(&events.BottleLabelled{Set: p.Spec.Labels})
}

func (b *Bottle) claim(e events.Event, p *events.ActionRequested) error {
	o, err := origin(e)
	if err != nil {
		return err
	}
	b.Pending = &Claim{
		ActionRequested: *p, Version: e.Version, At: e.Time,
		Command: o.Command, PID: o.PID, Host: o.Host, MachineID: o.MachineID,
	}
	return nil
}

func (b *Bottle) fail(e events.Event, p *events.ActionFailed) {
	b.Pending, b.Failure = nil, &Failure{ActionFailed: *p, At: e.Time}
	if (p.Action == events.ActionStart || p.Action == events.ActionResume) && b.State != Removed {
		// What the engine was last seen to say is forgotten with the state it
		// was said in, so that saying it again is news.
		b.State, b.Observed = Failed, ""
		b.notRunning()
	}
}

func (b *Bottle) start(e events.Event, p *events.BottleStarted) error {
	if !b.enter(Running) {
		return nil
	}
	b.Generation = p.Generation
	b.Reason, b.ExitCode, b.Signal = "", nil, ""
	return b.running(e)
}

func (b *Bottle) stop(p *events.BottleStopped) {
	if !b.enter(Stopped) {
		return
	}
	b.Reason = p.Reason
	if p.ExitCode != nil {
		b.ExitCode = p.ExitCode
	}
}

// enter moves to the state that an outcome leads to: the claim is closed.
// Removed is for ever; a late outcome of something else does not undo it.
func (b *Bottle) enter(s State) bool {
	b.Pending = nil
	if b.State == Removed {
		return false
	}
	b.State, b.Failure, b.Observed = s, nil, ""
	b.notRunning()
	return true
}

func (b *Bottle) observe(e events.Event, p *events.BottleObserved) error {
	if b.State == Removed {
		return nil
	}
	b.Observed = p.Status
	switch p.Status {
	case "gone", "replaced":
		b.State = Lost
		b.notRunning()
		return nil
	case "paused", "unresponsive":
		// Something is there and was not ended: stop is what leads out of it.
		if b.State != Running {
			b.State = Running
			return b.running(e)
		}
		return nil
	}
	s := State(p.Status)
	if s == b.State {
		b.Observed = ""
	}
	if b.State != Lost || s != Created && s != Running && s != Stopped {
		return nil
	}
	b.State, b.Observed = s, "" // the very instance is back
	if s == Running {
		return b.running(e)
	}
	if s == Stopped && b.Reason == "" {
		b.Reason = events.ReasonEngine // it ran when it was last seen
	}
	return nil
}

// running notes since when and where the current run is known to be.
func (b *Bottle) running(e events.Event) error {
	o, err := origin(e)
	if err != nil {
		return err
	}
	b.StartedAt, b.StartedOn, b.StartedBoot = e.Time, o.MachineID, o.BootID
	return nil
}

func (b *Bottle) notRunning() {
	b.StartedAt, b.StartedOn, b.StartedBoot = time.Time{}, "", ""
}

func origin(e events.Event) (o events.Origin, err error) {
	if err = json.Unmarshal(e.Origin, &o); err != nil {
		err = &events.Malformed{Seq: e.Seq, Type: e.Type, Err: fmt.Errorf("origin: %w", err)}
	}
	return o, err
}

func (b *Bottle) label(p *events.BottleLabelled) {
	next := make(map[string]string, len(b.Labels)+len(p.Set))
	for k, v := range b.Labels {
		next[k] = v
	}
	for k, v := range p.Set {
		next[k] = v
	}
	for _, k := range p.Unset {
		delete(next, k)
	}
	b.Labels = next
}

// acquire notes a resource once: a creation that is tried again says it again.
func (b *Bottle) acquire(r Resource) {
	if !slices.Contains(b.Resources, r) {
		b.Resources = append(slices.Clip(b.Resources), r)
	}
}

func (b *Bottle) release(r Resource) {
	var left []Resource
	for _, x := range b.Resources {
		if x != r {
			left = append(left, x)
		}
	}
	b.Resources = left
}
