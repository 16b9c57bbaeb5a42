package events

import "time"

// ActionRequested is a claim: from here until its outcome nobody else acts on
// the bottle. It is written before the backend is touched.
type ActionRequested struct {
	Action      string `json:"action"`             // start (create and start), resume, stop, remove
	Generation  int    `json:"generation"`         // the instance it acts on or will make
	Nonce       string `json:"nonce,omitempty"`    // start, resume --new-instance: label of the instance to come
	GraceMS     int64  `json:"grace_ms,omitempty"` // stop, remove: milliseconds before the hard end
	Force       bool   `json:"force,omitempty"`    // remove of a running bottle; stop --kill
	NewInstance bool   `json:"new_instance,omitempty"`
}

// ActionFailed closes a claim whose effect did not come about.
type ActionFailed struct {
	Action     string   `json:"action"`
	Code       string   `json:"code"`                  // error code of the command line, e.g. backend_unavailable
	Reason     string   `json:"reason"`                // one line, free of secrets
	LeftBehind []string `json:"left_behind,omitempty"` // what stays in the engine
}

// InstanceCreated says which container or micro-VM the bottle lives in now.
type InstanceCreated struct {
	Generation     int    `json:"generation"`
	InstanceName   string `json:"instance_name"`
	InstanceID     string `json:"instance_id"`               // the engine's own id, or the nonce where it has none
	Nonce          string `json:"nonce"`                     //
	ImageID        string `json:"image_id"`                  // content id; a new generation uses it again
	ImageDigest    string `json:"image_digest,omitempty"`    // name@sha256:… when a registry knows it
	Runtime        string `json:"runtime,omitempty"`         // as the engine chose
	EngineID       string `json:"engine_id,omitempty"`       // empty: the engine has no stable id
	BackendVersion string `json:"backend_version,omitempty"` //
	Session        string `json:"session"`                   // engine or holder/N: the attach path, for ever
	HolderDigest   string `json:"holder_digest,omitempty"`   //
}

// ResourceCreated is written before something besides the instance is made;
// created minus released is what may be left over.
type ResourceCreated struct {
	Kind string `json:"kind"` // network, clone, volume
	Ref  string `json:"ref"`  // the engine's id or name, or a path under the home
}

// ResourceReleased says that a resource is gone.
type ResourceReleased struct {
	Kind string `json:"kind"`
	Ref  string `json:"ref"`
}

// BottleStarted says that the instance runs.
type BottleStarted struct {
	Generation int `json:"generation"`
	// Action is the claim this closes (start, resume), or "recovery" or
	// "observed" when the instance was found running.
	Action string `json:"action"`
	// OtherArgv is set when a resume ran other words than the recorded ones;
	// the words themselves are not kept.
	OtherArgv bool `json:"other_argv,omitempty"`
}

// BottleStopped says that the instance does not run any more, and why.
type BottleStopped struct {
	Generation int    `json:"generation"`
	Reason     string `json:"reason"`              // see the Reason constants
	ExitCode   *int   `json:"exit_code,omitempty"` // of the main process, where the engine tells
}

// BottleRemoved ends a bottle. Its history stays.
type BottleRemoved struct {
	LeftBehind []string `json:"left_behind,omitempty"` // rm --forget: what the engine may still hold
	Forgotten  bool     `json:"forgotten,omitempty"`   // the engine was not asked
}

// SessionAttached says that a terminal was connected to the agent.
type SessionAttached struct {
	ReadOnly bool `json:"read_only,omitempty"`
}

// ExecStarted says that another command was started in the bottle. Its words
// are not recorded, but the first, which can be dropped later.
type ExecStarted struct {
	Argc        int    `json:"argc"`
	User        string `json:"user,omitempty"`
	TTY         bool   `json:"tty,omitempty"`
	ExecPrivate `json:"-"`
}

// ExecPrivate is the part of [ExecStarted] that can be dropped.
type ExecPrivate struct {
	Argv0 string `json:"argv0"`
}

// ExecEnded says how an exec ended. Started is the version of its
// ExecStarted in the same stream.
type ExecEnded struct {
	Started  int64 `json:"started"`
	ExitCode *int  `json:"exit_code"` // null: unknown, the connection broke
}

// FileCopied says that cp moved bytes across the wall.
type FileCopied struct {
	Direction   string `json:"direction"` // in or out
	Bytes       int64  `json:"bytes"`     //
	CopyPrivate `json:"-"`
}

// CopyPrivate is the part of [FileCopied] that can be dropped.
type CopyPrivate struct {
	Path string `json:"path"` // inside the bottle
}

// InputSent says that something was typed into the agent's terminal by send.
type InputSent struct {
	Bytes int64 `json:"bytes"`
}

// AgentExited says how the agent's process ended.
type AgentExited struct {
	Source   string    `json:"source"`               // engine, or guest: told from inside, so not trusted
	ExitCode *int      `json:"exit_code"`            //
	Signal   string    `json:"signal,omitempty"`     // e.g. SIGKILL
	ExitedAt time.Time `json:"exited_at,omitzero"`   // as the source says
	OOM      bool      `json:"oom_killed,omitempty"` // the engine says that memory ran out
}

// BottleObserved is written when what the engine says of the instance came to
// differ from the log, or ceased to.
type BottleObserved struct {
	Status   string `json:"status"`   // what the engine says, e.g. gone
	Expected string `json:"expected"` // the recorded state
	Detail   string `json:"detail,omitempty"`
}

// BottleRenamed gives the bottle another slug; the instance keeps its name.
type BottleRenamed struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// BottleLabelled sets and unsets labels of the bottle.
type BottleLabelled struct {
	Set   map[string]string `json:"set,omitempty"`
	Unset []string          `json:"unset,omitempty"`
}

// BottleProtected puts the bottle under protection against rm, or lifts it.
type BottleProtected struct {
	On bool `json:"on"`
}

// LogRestored is written on the home's own stream when an export was read
// into an empty home.
type LogRestored struct {
	FromHome string `json:"from_home"` // id of the home that made the export
	Events   int64  `json:"events"`    // how many were restored
	TakeOver bool   `json:"take_over"` // this home goes on under the old id
}

// Why a bottle stopped. The set is closed: "the user stopped it" and "it
// died" are different facts.
const (
	ReasonUser        = "user"         // stop, restart, rm
	ReasonInterrupted = "interrupted"  // Ctrl-C on a foreground run
	ReasonAgentExited = "agent_exited" // the main process ended by itself with code 0
	ReasonCrashed     = "crashed"      // the main process ended by itself with another code or a signal
	ReasonOutOfMemory = "out_of_memory"
	ReasonEngine      = "engine"   // stopped behind our back: engine restart, reboot, somebody else
	ReasonRecovery    = "recovery" // settled after a crash of ours
	ReasonTimeout     = "timeout"
	ReasonAdopted     = "adopted"  // taken into the log while it did not run
	ReasonImported    = "imported" // as adopted, from a record of upstream's
)

// Values of ActionRequested.Action and ActionFailed.Action.
const (
	ActionStart  = "start"
	ActionResume = "resume"
	ActionStop   = "stop"
	ActionRemove = "remove"
)
