// Package backendtest is the contract of package backends as tests. Every
// backend runs the same suite over an engine of its own kind: what the
// contract says is one named test each. What an engine cannot do is declared
// in the Harness with a reason, and the test skips by that reason.
//
// The suite does things behind the backend's back, as people and other
// programs do: it deletes, stops, starts and replaces instances through the
// hooks in [Behind].
package backendtest

import (
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Harness is what the suite needs to know of one kind of backend.
type Harness struct {
	// Open opens the endpoint under test. Every call gives a handle of its
	// own, as another process would have. The suite closes it.
	Open func(t *testing.T) backends.Backend

	// Image names an image that the engine has, with a static busybox: sh,
	// cat, sleep, stty, tar, wc, seq, id, env. Its own user is root.
	Image string
	// NoEntry names an image with neither ENTRYPOINT nor CMD. "" skips.
	NoEntry string
	// Archive is the path of an image archive as `docker save` writes it,
	// which the engine does not have. "" skips.
	Archive string

	// Dead opens endpoints that do not work, each by what is wrong: "absent"
	// where nothing answers, "hanging" where a call is taken and never
	// answered, "rubbish" where something else answers. Nil or missing skips.
	Dead map[string]func(t *testing.T) backends.Backend

	// Behind does things without the backend's knowledge.
	Behind Behind

	// Without names what this kind cannot do or enforce, each with the reason
	// that its tests are skipped with.
	Without map[Capability]string

	// NoStart says why nothing can be started here, where an engine answers
	// and cannot run anything. A test that comes to a start skips by it; what
	// holds of instances at rest is tested all the same.
	NoStart string

	// Only are the points to run, as patterns of [path.Match] for their names;
	// none is all of them. The others are not there, not even as skipped.
	Only []string

	// Patience is how long one call to the engine may take; 0 is 30 s.
	Patience time.Duration
	// Prompt is how soon a cancelled call must be back; 0 is 5 s.
	Prompt time.Duration
	// CPUs and Memory (bytes) are what each instance gets; 0 is the backend's
	// own choice.
	CPUs   float64
	Memory int64
	// Serial runs one test at a time, for engines that bear no more.
	Serial bool
}

// Behind is what happens behind a backend's back. Each hook fails the test
// when it cannot do its work. Names are instance names. A nil hook skips the
// tests that need it.
type Behind struct {
	// Make creates an instance that does not run under the name, with exactly
	// these labels (none when nil), and returns the engine's id of it.
	Make func(t *testing.T, name string, labels map[string]string) (id string)
	// ID returns the id of whatever has the name; "" when nothing has.
	ID func(t *testing.T, name string) string
	// Delete removes whatever has the name, running or not. Nothing there is
	// well.
	Delete func(t *testing.T, name string)
	// Stop ends it hard; Start runs it again.
	Stop, Start func(t *testing.T, name string)
	// Pause freezes it and Unpause thaws it.
	Pause, Unpause func(t *testing.T, name string)
	// Rename gives it another name.
	Rename func(t *testing.T, name, to string)
}

// Capability is something that not every kind of backend can do.
type Capability string

// The capabilities. A test names the ones that it needs.
const (
	// IDs: the engine gives each instance an id of its own, so that a
	// namesake with the same labels is told apart.
	IDs Capability = "ids"
	// Attach: the main process's streams can be attached to.
	Attach Capability = "attach"
	// TTY: main processes and commands can have a terminal.
	TTY Capability = "tty"
	// Holder: the main process has a holder that Session leads to.
	Holder Capability = "holder"
	// ExitCodes: the main process's exit code is kept.
	ExitCodes Capability = "exit codes"
	// StopSignal: a graceful stop reaches the main process as a signal.
	StopSignal Capability = "stop signal"
	// NotFoundTold: a command that does not exist is told apart from one that
	// cannot be executed.
	NotFoundTold Capability = "not found told"
	// StartFails: a main process that cannot be executed fails the start.
	StartFails Capability = "start fails"
	// Users: commands run as any numeric user.
	Users Capability = "users"
	// Mounts: host folders appear inside.
	Mounts Capability = "mounts"
	// MountSources: a mount whose source is missing fails the creation, not
	// only the start.
	MountSources Capability = "mount sources"
	// OddTargets: a folder may appear at a path with a space in it.
	OddTargets Capability = "odd targets"
	// FileMounts: single host files appear inside.
	FileMounts Capability = "file mounts"
	// ReadOnlyRoot: the root file system can be read-only.
	ReadOnlyRoot Capability = "read-only root"
	// Limits: CPU, memory and process limits hold and can be read back.
	Limits Capability = "limits"
	// NoNetwork: a guest can be without a network.
	NoNetwork Capability = "no network"
	// Ports: ports of the guest are published on the host.
	Ports Capability = "ports"
	// Resources: something besides the instance is made for network full.
	Resources Capability = "resources"
	// CopyStopped: files are copied in and out while it does not run.
	CopyStopped Capability = "copy while stopped"
	// LogStreams: the log keeps stdout and stderr apart.
	LogStreams Capability = "log streams"
	// LogTimes: the log knows when a line was printed.
	LogTimes Capability = "log times"
	// Facts: argv, folder, user and mounts of an instance can be read back.
	Facts Capability = "facts"
	// KeepsEnv: an instance keeps the values of variables that it was created
	// with, as [backends.Kind.KeepsEnv] says.
	KeepsEnv Capability = "kept env"
	// Detached: a command runs on after Exec returned.
	Detached Capability = "detached exec"
)
