// Package backends is the contract between bot-bottle and what holds its
// instances. docker, smolmachines and, in tests, fake fulfil it; the suite in
// backendtest is the contract as tests. A backend writes no history, prints
// nothing and knows no other backend.
package backends

import (
	"context"
	"io"
	"time"
)

// Backend drives one engine: one endpoint of one kind. All methods bound
// themselves by ctx only. Errors are wrapped in the types of errors.go.
// Every method that names an instance by [Ref] first makes sure that it is
// the very one: the recorded id and our labels. A namesake without them is
// [ErrNotOurs] and is left alone.
type Backend interface {
	// Probe says whether the engine answers and what it can do. An engine
	// that does not is an *[Unavailable].
	Probe(ctx context.Context) (Engine, error)

	// ResolveImage finds the image, loads an archive or pulls as pull says,
	// and pins it by content id. say is called with progress, never nil.
	ResolveImage(ctx context.Context, ref string, pull Pull, say func(Progress)) (Image, error)

	// Create makes the instance, stopped. An instance that exists under the
	// name with our home, bottle, generation and nonce is the same one: no
	// error. A namesake that is not is [ErrNotOurs].
	Create(ctx context.Context, spec InstanceSpec) (Instance, error)

	// Start runs the instance's main process. Running already: nil. env holds
	// K=V for every variable of the bottle, at each start. A kind that keeps
	// the values of Create ([Kind.KeepsEnv]) ignores it; the others run with
	// exactly these and leave them in no argv, log, error or record.
	Start(ctx context.Context, ref Ref, env []string) error

	// Stop ends it: the stop signal, then after grace the hard end; grace 0
	// is the hard end at once. It waits for the end, and frees what lingers
	// ([Observation.Lingers]). Not running or gone: nil.
	Stop(ctx context.Context, ref Ref, grace time.Duration) error

	// Remove deletes the instance and what only it uses in the engine (its
	// anonymous volumes). Running: it is ended hard. Gone: nil. A stranger
	// under the name is left alone: nil, since ours is gone.
	Remove(ctx context.Context, ref Ref) error

	// Inspect says what the engine sees. Missing is [Gone], not an error;
	// another instance in its place is [Replaced], and described as far as the
	// engine tells: its own name, id and labels.
	Inspect(ctx context.Context, ref Ref) (Observation, error)

	// Find looks an instance up by name and nonce, for a creation whose
	// outcome is unknown. Nothing of ours there: Status Gone.
	Find(ctx context.Context, want Labels, name string) (Observation, error)

	// List returns all instances with the home's label in one call to the
	// engine; home "" means of any home of bot-bottle.
	List(ctx context.Context, home string) ([]Observation, error)

	// Sizes returns the bytes that each of the home's instances has written
	// on a disk of its own, by id. Engines count them file by file, which may
	// take seconds, so nothing else asks.
	Sizes(ctx context.Context, home string) (map[string]int64, error)

	// Exec runs one more command in the running instance and waits. The
	// guest's exit code is a result; an error is our own failure or
	// [ErrNotExecutable], [ErrCommandNotFound] where the engine tells.
	Exec(ctx context.Context, ref Ref, cmd Command, io Streams) (exitCode int, err error)

	// Attach connects streams to the main process. It is connected when
	// ready is called (once, before anything is awaited), so that a caller
	// can attach first and start then. It returns when the process ended or
	// the user detached. Started and not running is [ErrNotRunning]. Who only
	// reads neither types nor resizes, but can detach.
	Attach(ctx context.Context, ref Ref, o AttachOptions, io Streams, ready func()) (Detachment, error)

	// Session connects to the holder of a running instance's main process (see
	// package guest) and gives the connection to use, once. What use returns is
	// returned, with what the engine knows of a connection that broke off. Not
	// running is [ErrNotRunning]; a main process without a holder is
	// [ErrUnsupported].
	Session(ctx context.Context, ref Ref, use func(conn io.ReadWriteCloser) error) error

	// Wait blocks until the instance does not run and returns how it ended,
	// as Inspect would: gone and replaced are statuses.
	Wait(ctx context.Context, ref Ref) (Observation, error)

	// Logs copies what the main process printed, oldest first.
	Logs(ctx context.Context, ref Ref, o LogOptions, stdout, stderr io.Writer) error

	// CopyIn unpacks a tar stream below the folder dir of the instance, which
	// must be there, with the numeric owners and the modes of the stream.
	CopyIn(ctx context.Context, ref Ref, dir string, tar io.Reader) error

	// CopyOut writes the file or folder at path as a tar stream. Links are
	// packed as links.
	CopyOut(ctx context.Context, ref Ref, path string, tar io.Writer) error

	// Stat describes a path inside, following no link.
	Stat(ctx context.Context, ref Ref, path string) (PathStat, error)

	// Leftovers lists what the home owns in the engine besides instances
	// (networks, volumes), for cleanup and doctor.
	Leftovers(ctx context.Context, home string) ([]Leftover, error)

	// Release removes one leftover that nothing uses any more. Gone: nil. In
	// use or not the home's: an error.
	Release(ctx context.Context, home string, l Leftover) error

	// Close lets go of connections.
	Close() error
}

// Kind is a sort of backend, as the registry knows it.
type Kind struct {
	// Name is the word in flags, config and events.
	Name string
	// Resolve turns what the user or the environment names ("" for the
	// default) into a canonical endpoint that means the same tomorrow. It may
	// read environment and config files; it contacts no engine.
	Resolve func(asked string, getenv func(string) string) (endpoint string, err error)
	// Open makes a backend for a recorded endpoint, whatever the environment
	// says today. It contacts no engine.
	Open func(endpoint string) (Backend, error)
	// Supports says which parts of a spec the kind cannot enforce: the names
	// of the flags to refuse, none when all is well.
	Supports func(spec InstanceSpec) (refused []string)
	// KeepsEnv says that an instance keeps the values of the variables that it
	// was created with, in the engine's own record. Where it is false nothing
	// keeps them, and who starts an instance must have them again.
	KeepsEnv bool
	// StartTime is what a Start that goes well may take beside the time for an
	// engine's answer: a machine has to boot first.
	StartTime time.Duration
}

// Engine is what a probe found.
type Engine struct {
	ID       string   // stable id; "" when the engine has none
	Version  string   // of the engine
	API      string   // protocol version agreed on
	Name     string   // what it calls itself, e.g. "Docker Engine", "Podman Engine"
	Runtimes []string // names that --runtime accepts
	Rootless bool
	Missing  []Gap // what it lacks, for doctor: limits that are not enforced and so on
}

// Gap is something that an engine cannot do here, and how to mend it.
type Gap struct {
	ID, Detail string
	Fix        string // a command or a step; "" when none is known
	Blocks     bool   // no instance can run until it is mended
}

// Pull says when ResolveImage asks a registry.
type Pull string

// The pull policies.
const (
	PullMissing Pull = "missing"
	PullAlways  Pull = "always"
	PullNever   Pull = "never"
)

// Progress is one step of something slow. Total is 0 when unknown.
type Progress struct {
	Step        string // e.g. "pull", "load"
	Detail      string // free text from the engine; may hold anything, print it safely
	Done, Total int64  // bytes
}

// Image is an image, pinned.
type Image struct {
	ID     string // content id, e.g. sha256:…
	Digest string // name@sha256:… where a registry knows it, else ""
	Arch   string
	User   string // the image's own user; "" is root
	// Runs says whether the image has an ENTRYPOINT or CMD of its own.
	Runs bool
}

// Ref names one exact instance.
type Ref struct {
	Name string
	ID   string // the engine's id; with an engine that has none, the nonce
	Labels
	// Foreign accepts an instance of exactly this ID with other labels or
	// none: one that was adopted or imported.
	Foreign bool
}

// InstanceSpec is what Create makes.
type InstanceSpec struct {
	Name     string
	Slug     string
	Labels   Labels
	Image    Image
	Argv     []string // replaces ENTRYPOINT and CMD; empty: the image's own
	Env      []string // K=V; values appear in no argv, log or error. Kept or not: see Kind.KeepsEnv
	Workdir  string
	User     string // uid[:gid] or name; "" the image's own
	Home     string // value for HOME when the user has no entry in the image; "" leave
	TTY      bool
	Stdin    bool // keep the main process's stdin open for attach
	ReadOnly bool
	// Stay says that the instance goes on running when the main process has
	// ended, until it is stopped: see [Observation.AgentEnded].
	Stay    bool
	Mounts  []Mount
	Ports   []Port
	CPUs    float64
	Memory  int64 // bytes; 0: the backend's default
	Pids    int64
	Disk    int64 // bytes; 0: the backend's default
	Runtime string
	Network string // none or full
	// Resource is called before anything besides the instance is made in the
	// engine, with its kind and name; an error stops the creation. Never nil.
	Resource func(Leftover) error `json:"-"`
}

// Mount binds a host path.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// Port publishes a port of the guest on the host.
type Port struct {
	HostIP              string
	HostPort, GuestPort int
	Protocol            string // tcp or udp
}

// Instance is what Create made.
type Instance struct {
	ID       string
	Runtime  string // OCI runtime the engine chose, where it tells
	EngineID string
	Version  string // of the engine
	// Session says how its main process is attached to, for as long as the
	// instance lives: "engine", by what the engine has for that, which "" means
	// as well, or "holder/N", by version N of the protocol of package guest.
	Session string
}
