package events

import "encoding/json"

// BottleCreated is the first event of every bottle: all that resume needs to
// find it again, whatever the environment says by then.
type BottleCreated struct {
	Source         string `json:"source"`                    // start, import or adopt
	Slug           string `json:"slug"`                      //
	Agent          string `json:"agent"`                     // profile, or base name of ARGV[0]
	Backend        string `json:"backend"`                   // docker, smolmachines
	Endpoint       string `json:"endpoint"`                  // which engine of that kind, resolved
	BackendSource  string `json:"backend_source"`            // rule that chose: flag, env, config, detected, import, fallback
	InstanceName   string `json:"instance_name"`             // kept for ever, also across renames
	IdempotencyKey string `json:"idempotency_key,omitempty"` //
	OldHome        string `json:"old_home,omitempty"`        // adopt --from-home: whose labels the instance carries
	OldBottle      string `json:"old_bottle,omitempty"`      // adopt: the bottle id in the instance's labels
	Spec           Spec   `json:"spec"`                      //
	// Imported is what the record of an imported bottle says, as it stands
	// there: see [Private] for the rest of it.
	Imported *Imported `json:"imported,omitempty"`
	Private  `json:"-"`
}

// FallbackBackend is the BackendSource of an imported bottle whose record
// names no backend, and ImportedBackend of one whose record does.
const (
	FallbackBackend = "fallback"
	ImportedBackend = "import"
)

// Imported is a record of upstream's, state/<identity>/metadata.json, as far
// as it may be kept for ever. Texts are as written, "" where there is none.
type Imported struct {
	// Identity names the record: no identity is imported twice.
	Identity       string   `json:"identity"`
	AgentName      string   `json:"agent_name,omitempty"`
	CopyCwd        bool     `json:"copy_cwd,omitempty"`
	StartedAt      string   `json:"started_at,omitempty"`
	ComposeProject string   `json:"compose_project,omitempty"`
	Backend        string   `json:"backend,omitempty"` // "": BackendSource is fallback
	Label          string   `json:"label,omitempty"`
	Color          string   `json:"color,omitempty"`
	BottleNames    []string `json:"bottle_names,omitempty"`
}

// Spec is what was asked for and may be kept for ever.
type Spec struct {
	Image       string            `json:"image"`                  // as asked, before it was resolved
	Pull        string            `json:"pull,omitempty"`         // missing, always or never
	User        string            `json:"user,omitempty"`         // as given; empty: the image's own, or the workspace owner
	Ports       []Port            `json:"ports,omitempty"`        //
	Limits      Limits            `json:"limits"`                 //
	Runtime     string            `json:"runtime,omitempty"`      // OCI runtime by name; empty: the engine's own
	Network     string            `json:"network"`                // none or full
	ReadOnly    bool              `json:"read_only,omitempty"`    // root file system
	TTY         bool              `json:"tty"`                    // the agent runs on a terminal
	RemoveAfter bool              `json:"rm,omitempty"`           // --rm
	KeepRunning bool              `json:"keep_running,omitempty"` // do not stop when the agent exits
	Protected   bool              `json:"protected,omitempty"`    // --protect
	Labels      map[string]string `json:"labels,omitempty"`       //
	RiskAllowed bool              `json:"risk_allowed,omitempty"` // --allow-host-risk was given
	SecretArgv  bool              `json:"secret_argv,omitempty"`  // --allow-secret-argv was given
	DefaultUser string            `json:"default_user,omitempty"` // uid:gid the agent got as the workspace's owner
	Interactive bool              `json:"interactive,omitempty"`  // the agent's stdin is kept open
}

// Private is the part of a bottle's spec that `redact` can drop.
type Private struct {
	// SpecDigest is SHA-256 in hex of what was asked, to compare under one
	// idempotency key. It goes with the rest: it could confirm a guess.
	SpecDigest string    `json:"spec_digest,omitempty"`
	Cwd        string    `json:"cwd,omitempty"`         // where start was called
	Argv       []string  `json:"argv,omitempty"`        // empty: the image's own
	ResumeArgv []string  `json:"resume_argv,omitempty"` // --resume-arg; empty: Argv again
	Workdir    string    `json:"workdir,omitempty"`     //
	Env        []EnvVar  `json:"env,omitempty"`         //
	Workspace  Workspace `json:"workspace"`             //
	Mounts     []Mount   `json:"mounts,omitempty"`      // without the workspace
	// ImportedFrom is the path of an imported record; ImportedUnknown are the
	// fields of it that this program gives no meaning, as they stood there.
	ImportedFrom    string                     `json:"imported_from,omitempty"`
	ImportedUnknown map[string]json.RawMessage `json:"imported_unknown,omitempty"`
}

// EnvVar is a variable given to the agent. Its value is recorded only for the
// source "plain"; everything else is read again when it is needed.
type EnvVar struct {
	Name   string `json:"name"`
	Source string `json:"source"`          // literal, environment, file or plain
	File   string `json:"file,omitempty"`  // absolute path, for file
	Value  string `json:"value,omitempty"` // for plain
}

// Workspace says which folder of the host the agent works on.
type Workspace struct {
	Mode     string `json:"mode"`                // none, bind or clone
	Source   string `json:"source,omitempty"`    // bind: the folder; clone: the folder cloned from
	Clone    string `json:"clone,omitempty"`     // clone: our copy on the host
	Target   string `json:"target,omitempty"`    // path inside
	ReadOnly bool   `json:"read_only,omitempty"` //
	Commit   string `json:"commit,omitempty"`    // clone: the HEAD it was made from
}

// Mount is a host folder, a file or a named folder of ours inside the bottle.
type Mount struct {
	Source   string `json:"source"`              // absolute path on the host
	Target   string `json:"target"`              // absolute path inside
	ReadOnly bool   `json:"read_only,omitempty"` //
	Volume   string `json:"volume,omitempty"`    // name, for a named folder of ours
	Guard    bool   `json:"guard,omitempty"`     // laid by us over something inside a writable work tree
}

// Port is a published port.
type Port struct {
	HostIP    string `json:"host_ip"`            // 127.0.0.1 unless given
	HostPort  int    `json:"host_port"`          // 0: the engine picks one
	GuestPort int    `json:"guest_port"`         //
	Protocol  string `json:"protocol,omitempty"` // tcp when empty
}

// Limits bound what a bottle may use; zero means the backend's default.
type Limits struct {
	CPUs   float64 `json:"cpus,omitempty"`
	Memory int64   `json:"memory,omitempty"` // bytes
	Pids   int64   `json:"pids,omitempty"`   // processes and threads
	Disk   int64   `json:"disk,omitempty"`   // bytes
}
