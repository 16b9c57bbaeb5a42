package lifecycle

import (
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// StartRequest is what `start` was asked for, flags and profile merged, not
// yet checked. Paths may be relative to Cwd.
type StartRequest struct {
	Name, Agent       string
	Backend, Endpoint string // as given by flags; "" lets the rules choose
	Image             string
	Pull              backends.Pull
	Argv              []string
	Cwd               string

	Env      []string // K=V or K
	EnvFiles []string
	EnvPlain []string // K=V

	Workspace   string // DIR[:ro]
	Clone       string // DIR
	Volumes     []string
	Publish     []string
	Labels      map[string]string
	Workdir     string
	User        string
	Network     string // none or full; "" is full
	Limits      events.Limits
	ReadOnly    bool
	Runtime     string
	TTY         bool
	Stdin       bool // keep the agent's stdin open for attach
	Rm          bool
	KeepRunning bool // the bottle goes on when its agent has ended
	Protect     bool
	RiskOK      bool // --allow-host-risk
	SecretOK    bool // --allow-secret-argv

	IdempotencyKey string
}

// Foreground connects the caller's streams to the agent. A nil Foreground
// runs it detached.
type Foreground struct {
	Streams    backends.Streams
	DetachKeys string
	ReadOnly   bool
}

// Outcome is what came of start, resume or attach.
type Outcome struct {
	Bottle   projections.Bottle
	Already  bool // nothing had to be done: it ran already, or the idempotency key matched
	Attached bool // a foreground was connected
	Detached bool // the user left; the agent goes on
	ExitCode *int // of the agent, when it ended in the foreground
	Removed  bool // --rm did its work
}

// Plan is a checked StartRequest: what start will do. It is what --dry-run
// prints.
type Plan struct {
	Created    events.BottleCreated
	SlugIsMade bool     // made up, so it may be counted up when taken
	Warnings   []string //
	env        []string // K=V, values included: never printed or recorded
}

// ResumeRequest is what `resume` was asked for.
type ResumeRequest struct {
	NewInstance bool
	Argv        []string // other words than the recorded ones; only with NewInstance
	Env         []string // K=V or K, for values that are not recorded
	EnvFiles    []string
	Foreground  *Foreground
}

// StopRequest is what `stop` was asked for.
type StopRequest struct {
	Grace time.Duration
	Kill  bool
}

// RemoveRequest is what `rm` was asked for.
type RemoveRequest struct {
	Force  bool
	Forget bool // the engine is gone for good
	// Confirm is asked when the only copy of work would go; what it holds is
	// told. Never nil.
	Confirm func(holds string) (bool, error)

	// unchanged is the version of the bottle that is to be removed; a bottle
	// that went on since is left alone. 0: any.
	unchanged int64
}

// ExecRequest is what `exec` was asked for.
type ExecRequest struct {
	Argv    []string
	Env     []string // K=V or K
	User    string
	Workdir string
	TTY     bool
	Stdin   bool
	Detach  bool
	Size    backends.Size // of the caller's terminal, so that the command starts with it
	Streams backends.Streams
}

// LogsRequest is what `logs` was asked for.
type LogsRequest struct {
	backends.LogOptions
	Stdout, Stderr io.Writer
}

// PlanItem is one line of what recover, cleanup or import would do or did.
type PlanItem struct {
	Action  string `json:"action"`
	Bottle  string `json:"bottle"`  // slug, or ""
	Backend string `json:"backend"` //
	Detail  string `json:"detail"`  //
	Done    bool   `json:"done"`    //
	Err     error  `json:"-"`       // why it is not done

	// what Cleanup acts on
	id       string
	version  int64
	place    place
	instance *backends.Observation
	leftover backends.Leftover
	clone    string

	why string // Import: why there is no instance
}

// Drift is what an engine says of one bottle beside what the log says.
type Drift struct {
	Observed string // status, or "" when the engine did not answer
	Kind     string // "" or gone, stopped, running, replaced, unreachable
	Err      error
}
