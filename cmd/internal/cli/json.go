package cli

import (
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// The shapes of docs/cli.md. Keys are only ever added.

// bottleRow is a bottle in a list: what the log says and, when it was asked,
// what the engine says.
type bottleRow struct {
	*projections.Row
	drift *lifecycle.Drift    // nil: not asked
	size  *int64              // bytes; nil: not asked, or not told
	does  *lifecycle.Activity // nil: not asked, or not told
}

func bottleRowOf(b projections.Bottle) *bottleRow {
	r := projections.RowOf(b)
	return &bottleRow{Row: &r}
}

func (b *bottleRow) item(j *jsonBuf) {
	j.open("", '{')
	b.keys(j)
	j.close('}')
}

func (b *bottleRow) keys(j *jsonBuf) {
	observed, kind := "", ""
	if b.drift != nil {
		observed, kind = b.drift.Observed, b.drift.Kind
	}
	j.str("id", b.ID).str("slug", b.Slug).opt("agent", b.Agent)
	j.str("backend", b.Backend).str("endpoint", b.Endpoint).str("backend_source", b.BackendSource)
	j.str("instance_name", b.InstanceName).opt("instance_id", b.InstanceID).num("generation", int64(b.Generation))
	j.str("state", string(b.State)).opt("pending", b.Pending).opt("reason", b.why()).optInt("exit_code", b.ExitCode)
	j.opt("observed", observed).opt("drift", kind)
	b.activityKeys(j)
	j.bool("protected", b.Protected).stored("labels", []byte(b.LabelsJSON))
	j.time("created_at", b.CreatedAt).time("updated_at", b.UpdatedAt).num("version", b.Version)
	j.opt("image", b.Image).time("started_at", b.StartedAt).optNum("size", orZero(b.size), b.size != nil)
}

// why is the reason as shown: why it stopped, or the code with which its last
// start failed.
func (b *bottleRow) why() string {
	if b.State == projections.Failed {
		return orElse(b.Failure, b.Reason)
	}
	return b.Reason
}

// specKeys writes what a bottle was asked to be, and what came of it.
func (c *call) specKeys(j *jsonBuf, b projections.Bottle) {
	p := events.Private{Workspace: events.Workspace{Mode: ""}}
	if b.Private != nil {
		p = *b.Private
	}
	digest, image := "", ""
	runtime := b.Spec.Runtime
	if b.Instance != nil {
		digest, image = b.Instance.ImageDigest, b.Instance.ImageID
		runtime = orElse(b.Instance.Runtime, runtime)
	}
	j.open("spec", '{')
	j.opt("image", b.Spec.Image).opt("image_digest", digest).opt("image_id", image)
	j.strs("argv", p.Argv).strs("resume_argv", p.ResumeArgv)
	j.open("env", '[')
	for _, e := range p.Env {
		j.open("", '{').str("name", e.Name).str("source", e.Source).close('}')
	}
	j.close(']')
	j.opt("env_values_stored_by", c.envStoredBy(b))
	j.opt("workdir", p.Workdir).opt("user", orElse(b.Spec.User, b.Spec.DefaultUser))
	w := p.Workspace
	j.open("workspace", '{').opt("mode", w.Mode).opt("source", w.Source).opt("target", w.Target)
	j.bool("read_only", w.ReadOnly).opt("commit", w.Commit).opt("clone", w.Clone).close('}')
	j.open("mounts", '[')
	for _, m := range p.Mounts {
		j.open("", '{').str("source", m.Source).str("target", m.Target).bool("read_only", m.ReadOnly).opt("volume", m.Volume).close('}')
	}
	j.close(']').open("ports", '[')
	for _, x := range b.Spec.Ports {
		j.open("", '{').str("host_ip", x.HostIP).optNum("host_port", int64(x.HostPort), x.HostPort != 0)
		j.num("guest_port", int64(x.GuestPort)).str("protocol", orElse(x.Protocol, "tcp")).close('}')
	}
	j.close(']')
	l := b.Spec.Limits
	j.open("limits", '{')
	if l.CPUs > 0 {
		j.raw("cpus", cpusText(l.CPUs))
	} else {
		j.null("cpus")
	}
	j.optNum("memory", l.Memory, l.Memory > 0).optNum("pids", l.Pids, l.Pids > 0).optNum("disk", l.Disk, l.Disk > 0).close('}')
	j.opt("runtime", runtime)
	j.open("network", '{').str("mode", b.Spec.Network).opt("enforced", enforcement(b.Backend, b.Spec.Network)).close('}')
	j.bool("read_only", b.Spec.ReadOnly).bool("tty", b.Spec.TTY)
	j.bool("keep_running", b.Spec.KeepRunning).bool("rm", b.Spec.RemoveAfter)
	j.bool("redacted", b.Private == nil)
	j.close('}')
}

// sessionKeys says how the agent's terminal is reached. What only a session
// holder can tell is null.
func sessionKeys(j *jsonBuf, b projections.Bottle) {
	holder := ""
	if b.Instance != nil {
		holder = b.Instance.Session
	}
	j.open("session", '{').opt("holder", holder).null("clients").null("size").time("started_at", b.StartedAt).close('}')
}

// planKeys is one line of what recover or cleanup would do or did.
func planItem(j *jsonBuf, p lifecycle.PlanItem) {
	j.open("", '{').str("action", p.Action).opt("bottle", p.Bottle).opt("backend", p.Backend)
	j.str("detail", p.Detail).bool("done", p.Done).close('}')
}

// orZero is what a pointer points to, or 0.
func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
