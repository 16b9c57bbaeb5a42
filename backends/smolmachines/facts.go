package smolmachines

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// labelFacts holds, as JSON, what a machine was made with and smolvm does not
// give back. It has the names of variables and never a value.
const labelFacts = "bot-bottle.facts"

type facts struct {
	Argc    int              `json:"argc"` // how many words at the end of the command are the spec's
	Image   string           `json:"image"`
	Digest  string           `json:"digest,omitempty"`
	Workdir string           `json:"workdir,omitempty"`
	User    string           `json:"user,omitempty"`
	TTY     bool             `json:"tty,omitempty"`
	Stdin   bool             `json:"stdin,omitempty"`
	Stay    bool             `json:"stay,omitempty"`
	Vars    []string         `json:"vars,omitempty"`
	Mounts  []backends.Mount `json:"mounts,omitempty"`
	Ports   []backends.Port  `json:"ports,omitempty"`
	Network string           `json:"network"`
	Memory  int64            `json:"memory,omitempty"`
	CPUs    float64          `json:"cpus,omitempty"`
	Pids    int64            `json:"pids,omitempty"`
	Disk    int64            `json:"disk,omitempty"`
	Guest   string           `json:"guest"`   // the folder of the guest program on the host
	Session string           `json:"session"` // what that program speaks
}

// facts reads the label. A machine without one that can be read is told of as
// far as smolvm itself tells.
func (m *machine) facts() (f facts) {
	if json.Unmarshal([]byte(m.Labels[labelFacts]), &f) != nil || f.Argc < 0 || f.Argc > len(m.Cmd) {
		return facts{}
	}
	return f
}

// observe turns what smolvm says of a machine, and the record of its main
// process, into what the contract tells.
func (b *Backend) observe(m *machine) backends.Observation {
	f := m.facts()
	o := backends.Observation{
		Name: m.Name, ID: m.id(), Labels: m.owner(), Slug: m.Labels[backends.LabelSlug],
		TTY: f.TTY, ImageID: f.Image, Image: f.Digest, Argv: m.Cmd[len(m.Cmd)-f.Argc:],
		Workdir: f.Workdir, User: f.User, Mounts: f.Mounts, Ports: f.Ports, Network: f.Network,
		CPUs: f.CPUs, Memory: f.Memory, Pids: f.Pids, Session: f.Session,
	}
	if o.Network == "" {
		o.Network = networkNone
		if m.Network {
			o.Network = networkFull
		}
	}
	o.Enforced = map[string]string{
		"machine": "a virtual machine of its own", "cpus": strconv.Itoa(m.CPUs), "memory": strconv.FormatInt(m.MemoryMB<<20, 10),
	}
	b.state(&o, m)
	return o
}

// state tells what a machine and its main process do. smolvm knows only of
// the machine.
func (b *Backend) state(o *backends.Observation, m *machine) {
	run, begun := b.lastRun(m.Name)
	failure := ""
	if f := m.facts(); f.Pids > 0 && begun {
		o.Enforced["pids"] = strconv.FormatInt(f.Pids, 10)
		if run.Unbounded != "" {
			o.Enforced["pids"] = "not enforced: " + oneLine(run.Unbounded)
		}
	}
	if begun {
		o.StartedAt = run.Started
		if run.Err != nil {
			failure = oneLine(run.Err.Error())
		}
	}
	switch m.State {
	case "created":
		// A first start that failed, or was cut off, leaves this too.
		o.Status, o.Detail = backends.StatusCreated, failure
	case "running":
		o.Status = backends.StatusRunning
		if !begun || run.Ended.IsZero() || b.stale(m) {
			break
		}
		o.ExitCode, o.EndedAt = run.ExitCode, run.Ended
		if m.facts().Stay && run.Err == nil {
			o.AgentEnded = true
			break
		}
		o.Status, o.Lingers, o.Detail = backends.StatusStopped, true, failure
	case "stopped", "failed":
		o.Status, o.Detail = backends.StatusStopped, failure
		b.ended(o, m, run, begun)
	case "paused":
		o.Status = backends.StatusPaused
	case "unreachable":
		o.Status, o.Detail = backends.StatusUnresponsive, "the machine runs and does not answer"
	default:
		o.Status, o.Detail = backends.StatusUnresponsive, "smolvm says "+oneLine(m.State)
	}
	if m.Reason != nil && o.Detail == "" {
		o.Detail = oneLine(*m.Reason)
	}
}

// killed is how a main process ends that nobody saw the end of: with its
// machine, as if by SIGKILL.
const killed = 137

func (b *Backend) ended(o *backends.Observation, m *machine, run guest.Run, begun bool) {
	switch {
	case begun && !run.Ended.IsZero():
		o.ExitCode, o.EndedAt = run.ExitCode, run.Ended
	case begun:
		code := killed
		o.ExitCode = &code
		if m.LastExit != nil && m.LastExit.At > 0 {
			o.EndedAt = time.UnixMilli(m.LastExit.At)
		}
	}
}

// variables are the names in a list of K=V.
func variables(env []string) []string {
	var names []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	return names
}
