// Package projections folds the log into what is true now: one [Bottle] from
// its stream, and the tables that list and look-up read. State is what the
// log says; no backend is ever asked here.
package projections

import (
	"encoding/json"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// FoldRevision numbers the meaning of the fold. It is stored with the tables;
// a program with an older one refuses to write to them.
const FoldRevision = 1

// State is where a bottle is in its life.
type State string

// The states. The table of what each allows is in table.go.
const (
	Created State = "created" // recorded; its instance may or may not exist yet
	Running State = "running" // the instance runs
	Stopped State = "stopped" // the instance is kept and does not run
	Failed  State = "failed"  // the last start or resume did not come about
	Lost    State = "lost"    // the engine has no such instance any more, or another one in its place
	Removed State = "removed" // by rm; only history is left
)

// Claim is an action that was requested and whose outcome is not yet in the
// log. While its owner lives nobody else acts on the bottle.
type Claim struct {
	events.ActionRequested
	Version   int64     // of the ActionRequested in the bottle's stream: names the claim
	At        time.Time // when it was made
	Command   string    // the verb its owner ran
	PID       int       // of its owner; audit only
	Host      string    // of its owner; audit only
	MachineID string    // a claim of another machine is never judged here
}

// Resource is something besides the instance that was made for the bottle and
// was not yet released.
type Resource struct{ Kind, Ref string }

// Failure is the last ActionFailed, until something succeeds.
type Failure struct {
	events.ActionFailed
	At time.Time
}

// Bottle is one bottle as its events tell it: the fold's result.
type Bottle struct {
	ID, Slug, Agent        string
	Source                 string // start, import or adopt
	Backend, Endpoint      string
	BackendSource          string
	InstanceName           string
	IdempotencyKey         string
	OldHome, OldBottle     string // adopt: the labels that the instance carries instead of ours
	State                  State
	Pending                *Claim
	Failure                *Failure
	Reason                 string // why it stopped; "" when it did not
	ExitCode               *int   // of the agent, where known
	Signal                 string // that ended the agent, where known
	Generation             int    // 0 before the first instance
	Instance               *events.InstanceCreated
	Spec                   events.Spec
	Private                *events.Private // nil: redacted
	Labels                 map[string]string
	Protected              bool
	Resources              []Resource
	Observed               string // last verdict of BottleObserved; "" when the engine agrees
	LeftBehind             []string
	CreatedAt, UpdatedAt   time.Time
	StartedAt              time.Time // of the current run; zero when not running
	StartedOn, StartedBoot string    // machine and boot id of the process that recorded the start
	Version, Seq           int64     // of the last event
}

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
// inputs. An event out of order or of an unknown type is an error: skipping
// it would make state that the log does not say.
func (b *Bottle) Apply(e events.Event) error {
	if e.Version != b.Version+1 {
		return fmt.Errorf("fold bottle %s: version %d follows %d", e.Stream, e.Version, b.Version)
	}
	p, err := events.Decode(e)
	if err != nil {
		return fmt.Errorf("fold bottle %s: %w", e.Stream, err)
	}
	if _, first := p.(*events.BottleCreated); first != (e.Version == 1) {
		return fmt.Errorf("fold bottle %s: %s at version %d: a stream begins with BottleCreated, once", e.Stream, e.Type, e.Version)
	}
	if err := b.apply(e, p); err != nil {
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
		b.Pending, b.Failure = nil, &Failure{ActionFailed: *p, At: e.Time}
		if p.Action == events.ActionStart || p.Action == events.ActionResume {
			b.State, b.StartedAt = Failed, time.Time{}
		}
	case *events.InstanceCreated:
		b.Instance, b.Generation, b.InstanceName = p, p.Generation, p.InstanceName
	case *events.ResourceCreated:
		b.Resources = append(b.Resources[:len(b.Resources):len(b.Resources)], Resource{p.Kind, p.Ref})
	case *events.ResourceReleased:
		b.release(Resource{p.Kind, p.Ref})
	case *events.BottleStarted:
		b.enter(Running)
		b.Generation, b.StartedAt = p.Generation, e.Time
		o, err := origin(e)
		if err != nil {
			return err
		}
		b.StartedOn, b.StartedBoot = o.MachineID, o.BootID
		b.Reason, b.ExitCode, b.Signal = "", nil, ""
	case *events.BottleStopped:
		b.enter(Stopped)
		b.Reason = p.Reason
		if p.ExitCode != nil {
			b.ExitCode = p.ExitCode
		}
	case *events.BottleRemoved:
		b.enter(Removed)
		b.LeftBehind = p.LeftBehind
	case *events.AgentExited:
		b.ExitCode, b.Signal = p.ExitCode, p.Signal
	case *events.BottleObserved:
		b.observe(p)
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
		OldHome: p.OldHome, OldBottle: p.OldBottle,
		State: Created, Spec: p.Spec, Protected: p.Spec.Protected, CreatedAt: e.Time,
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

func origin(e events.Event) (o events.Origin, err error) {
	if err = json.Unmarshal(e.Origin, &o); err != nil {
		err = fmt.Errorf("origin: %w", err)
	}
	return o, err
}

// enter moves to a state that an outcome leads to: the claim is closed.
func (b *Bottle) enter(s State) {
	b.State, b.Pending, b.Failure, b.Observed = s, nil, nil, ""
	b.StartedAt = time.Time{}
}

func (b *Bottle) observe(p *events.BottleObserved) {
	b.Observed = p.Status
	switch s := State(p.Status); {
	case p.Status == "gone" || p.Status == "replaced":
		b.State, b.StartedAt = Lost, time.Time{}
	case b.State == Lost && (s == Created || s == Running || s == Stopped):
		b.State, b.Observed = s, "" // the very instance is back
	case State(p.Status) == b.State:
		b.Observed = ""
	}
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

func (b *Bottle) release(r Resource) {
	var left []Resource
	for _, x := range b.Resources {
		if x != r {
			left = append(left, x)
		}
	}
	b.Resources = left
}
