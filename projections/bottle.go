// Package projections folds the log into what is true now: one [Bottle] from
// its stream, and the tables that list and look-up read. State is what the
// log says; no backend is ever asked here.
package projections

import (
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
	OldHome, OldBottle     string           // adopt: the labels that the instance carries instead of ours
	Imported               *events.Imported // what the record of an imported one says
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
	CreatedSeq             int64     // of the first event: the order of creation, whatever clocks said
	Version, Seq           int64     // of the last event
}
