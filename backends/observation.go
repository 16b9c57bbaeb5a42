package backends

import "time"

// Status is what an engine says of an instance. The set is closed.
type Status string

// The statuses.
const (
	StatusCreated      Status = "created"
	StatusRunning      Status = "running"
	StatusStopped      Status = "stopped"
	StatusPaused       Status = "paused"
	StatusUnresponsive Status = "unresponsive"
	StatusGone         Status = "gone"
	StatusReplaced     Status = "replaced"
)

// Observation is what an engine says of one instance.
type Observation struct {
	Name      string
	ID        string
	Labels    Labels
	Slug      string // of the label; may be stale
	Status    Status
	ExitCode  *int // of the last run, when it has ended
	OOMKilled bool
	// AgentEnded says that the main process has ended while the instance goes
	// on running, as it was made to ([InstanceSpec.Stay]). ExitCode and EndedAt
	// tell how.
	AgentEnded bool
	// Lingers says that the main process has ended (or never was) while the
	// engine still holds something running for it, such as a virtual machine,
	// that Stop frees.
	Lingers   bool
	Detail    string // the engine's words on a failed start, free of values
	StartedAt time.Time
	EndedAt   time.Time
	TTY       bool
	ImageID   string
	Ports     []Port // as bound
	Enforced  map[string]string
	// Spec-like facts, for adopt.
	Image   string
	Argv    []string
	Workdir string
	User    string
	Mounts  []Mount
	Network string // none, full or the engine's own name
	CPUs    float64
	Memory  int64
	Pids    int64
	Runtime string
	Session string // as of [Instance]
}

// PathStat describes a file inside an instance.
type PathStat struct {
	Name string
	Size int64
	Mode uint32 // as io/fs.FileMode
	Link string // target, for a symbolic link
}

// Leftover is something besides instances that the home owns in an engine.
type Leftover struct {
	Kind string // network, volume or LeftoverImage
	Ref  string // the engine's name for it
}

// LeftoverImage is the kind of an image that a check made for itself
// ([DeepProber]): no bottle uses it.
const LeftoverImage = "image"
