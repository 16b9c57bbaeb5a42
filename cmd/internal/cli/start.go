package cli

import (
	"context"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// startCmd is `start`.
type startCmd struct {
	Name     *string   `placeholder:"SLUG" help:"Name of the bottle; one is made up from agent and folder otherwise."`
	Agent    string    `placeholder:"NAME" help:"A profile of the config file."`
	Backend  string    `placeholder:"NAME" help:"What holds the bottle."`
	Endpoint string    `placeholder:"E" help:"Which engine of that kind."`
	Image    string    `placeholder:"I" help:"The image to run."`
	Pull     string    `default:"missing" placeholder:"WHEN" help:"missing, always or never."`
	CPUs     float64   `name:"cpus" placeholder:"N" help:"At most so many processors."`
	Memory   bytesFlag `placeholder:"SIZE" help:"At most so much memory, as in 2g."`
	Pids     int64     `placeholder:"N" help:"At most so many processes and threads (4096)."`
	Disk     bytesFlag `placeholder:"SIZE" help:"At most so much disk, as in 20g."`
	ReadOnly bool      `help:"A root file system that cannot be written to."`
	Runtime  string    `placeholder:"NAME" help:"OCI runtime; the engine's own otherwise."`

	Workspace string   `placeholder:"DIR[:ro]" help:"Bind this folder at the same path and work there."`
	Clone     string   `placeholder:"DIR" help:"Work on a git clone of this folder, kept in our home."`
	Volume    []string `short:"v" sep:"none" placeholder:"SRC:DST[:ro]" help:"Mount a folder, a file, or a named folder of ours."`
	Publish   []string `short:"p" sep:"none" placeholder:"[IP:]HOST:GUEST" help:"Publish a port, on 127.0.0.1 unless given."`
	Env       []string `short:"e" sep:"none" placeholder:"K[=V]" help:"A variable for the agent; its value is not recorded."`
	EnvFile   []string `sep:"none" placeholder:"F" help:"Variables out of a file; values are not recorded."`
	EnvPlain  []string `sep:"none" placeholder:"K=V" help:"A variable whose value is recorded."`
	Label     []string `sep:"none" placeholder:"K=V" help:"A label of the bottle."`
	Workdir   string   `short:"w" placeholder:"DIR" help:"Where the agent starts."`
	User      string   `short:"u" placeholder:"USER" help:"Who the agent runs as."`
	Network   string   `default:"full" placeholder:"MODE" help:"none or full."`

	TTY            string `name:"tty" default:"auto" placeholder:"WHEN" help:"Whether the agent gets a terminal: auto, always or never."`
	Detach         bool   `short:"d" help:"Do not connect to the agent; print the bottle's name."`
	Rm             bool   `help:"Remove the bottle when the agent ends with 0."`
	KeepRunning    bool   `help:"Let the bottle go on when the agent ends."`
	Protect        bool   `help:"Protect the bottle against rm."`
	IdempotencyKey string `placeholder:"K" help:"The same key and spec give the same bottle again."`
	DryRun         bool   `help:"Show what would be done."`
	DetachKeys     string `placeholder:"KEYS" help:"Keys that leave the agent running."`

	AllowHostRisk   bool `help:"Allow mounts that hand over the host."`
	AllowSecretArgv bool `help:"Allow words that look like secrets, although words are recorded for ever."`

	Extra []string `arg:"" optional:"" hidden:"" sep:"none"`
	argv  []string
}

// takeTail gets what stands behind --.
func (s *startCmd) takeTail(argv []string) { s.argv = argv }

func (s *startCmd) check() error {
	for _, err := range []error{
		oneOf("--pull", s.Pull, []string{"missing", "always", "never"}),
		oneOf("--network", s.Network, []string{"none", "full"}),
		oneOf("--tty", s.TTY, ttyModes),
		checkDetachKeys(s.DetachKeys),
	} {
		if err != nil {
			return err
		}
	}
	if s.Name != nil {
		if err := lifecycle.CheckSlug(*s.Name); err != nil {
			return err
		}
	}
	if s.Rm && s.KeepRunning {
		return usageError("start: --rm removes the bottle when the agent ends, and --keep-running lets it go on: leave one out")
	}
	if s.CPUs < 0 || s.Pids < 0 {
		return usageError("start: --cpus and --pids take a number that is not negative")
	}
	return nil
}

func (s *startCmd) run(ctx context.Context, c *call) error {
	if len(s.Extra) > 0 {
		return s.stray(ctx, c)
	}
	conf, err := c.config()
	if err != nil {
		return err
	}
	req, err := s.request(c, conf)
	if err != nil {
		return err
	}
	detached := s.Detach || c.structured()
	if !detached && !s.DryRun {
		c.guest = guestButUsage
	}
	tty, err := c.wantTTY(s.TTY, detached)
	if err != nil {
		return err
	}
	req.TTY, req.Stdin = tty, tty || !detached
	keys := orElse(s.DetachKeys, c.detachKeys(conf))
	if err := checkDetachKeys(keys); err != nil {
		return err
	}
	m, err := c.planner(conf)
	if err != nil {
		return err
	}
	plan, err := m.Plan(ctx, req)
	if err != nil {
		return err
	}
	for _, w := range plan.Warnings {
		c.progress.warn(plan.Created.Slug, w)
	}
	c.progress.say("workspace: " + workspaceText(plan.Created.Workspace))
	if s.DryRun {
		if err := c.look(ctx, func(v *glance) error { return plan.CountUp(ctx, v) }); err != nil {
			return err
		}
		return c.dryRun(plan)
	}
	if err := c.openLog(ctx, m); err != nil {
		return err
	}
	begin := func(fg *lifecycle.Foreground) (lifecycle.Outcome, error) { return m.Start(ctx, plan, fg) }
	var out lifecycle.Outcome
	if detached {
		out, err = begin(nil)
	} else {
		out, err = c.foreground(tty, false, keys, begin)
	}
	c.tellClone(out.Bottle)
	return c.began(out, err, detached)
}

// stray explains words that stand where start takes none.
func (s *startCmd) stray(ctx context.Context, c *call) error {
	word := s.Extra[0]
	p := &problem{Code: codeUsage, Message: fmt.Sprintf("start: %q: the agent's words stand behind --, and a name behind --name", clip(word)),
		Next: "bot-bottle start --name NAME -- " + safe(clip(strings.Join(append(s.Extra, s.argv...), " ")))}
	if b, err := c.bottle(ctx, word); err == nil && b.State != projections.Removed {
		p.Message = fmt.Sprintf("start: %s is a bottle already, and start makes new ones", b.Slug)
		p.Slug, p.Backend = b.Slug, b.Backend
		p.Next = "bot-bottle resume " + b.Slug
	}
	return p
}

// dryRun prints the plan and the spec.
func (c *call) dryRun(plan lifecycle.Plan) error {
	p := plan.Created
	b := projections.Bottle{
		Slug: p.Slug, Agent: p.Agent, Source: p.Source, Backend: p.Backend, Endpoint: p.Endpoint, BackendSource: p.BackendSource,
		InstanceName: p.InstanceName, IdempotencyKey: p.IdempotencyKey, State: projections.Created,
		Spec: p.Spec, Private: &p.Private, Labels: p.Spec.Labels, Protected: p.Spec.Protected,
	}
	steps := []lifecycle.PlanItem{
		{Action: "create", Bottle: p.Slug, Backend: p.Backend, Detail: "instance " + p.InstanceName + " from image " + p.Spec.Image},
		{Action: "start", Bottle: p.Slug, Backend: p.Backend, Detail: orElse(strings.Join(p.Argv, " "), "the image's own command")},
	}
	if p.Workspace.Mode == "clone" {
		steps = append([]lifecycle.PlanItem{{Action: "clone", Bottle: p.Slug, Backend: p.Backend, Detail: workspaceText(p.Workspace)}}, steps...)
	}
	if !c.structured() {
		return c.plan(steps)
	}
	j := newDocument()
	j.open("plan", '[')
	for _, s := range steps {
		planItem(j, s)
	}
	j.close(']').open("bottle", '{')
	j.null("id").str("slug", b.Slug).opt("agent", b.Agent).str("backend", b.Backend).str("endpoint", b.Endpoint)
	j.str("backend_source", b.BackendSource).str("instance_name", b.InstanceName).labels("labels", b.Labels).bool("protected", b.Protected)
	c.specKeys(j, b)
	j.close('}')
	c.document(j)
	return nil
}

// structured says that the output is for a program.
func (c *call) structured() bool { return c.Output == asJSON || c.Output == asLines }

// request merges flags and profile.
func (s *startCmd) request(c *call, conf *config) (r lifecycle.StartRequest, err error) {
	r = lifecycle.StartRequest{
		Agent: s.Agent, Backend: s.Backend, Endpoint: s.Endpoint,
		Image: s.Image, Pull: backends.Pull(s.Pull), Argv: s.argv, Cwd: c.env.Cwd,
		Env: s.Env, EnvFiles: s.EnvFile, EnvPlain: s.EnvPlain,
		Workspace: s.Workspace, Clone: s.Clone, Volumes: s.Volume, Publish: s.Publish,
		Workdir: s.Workdir, User: s.User, Network: s.Network,
		Limits:   events.Limits{CPUs: s.CPUs, Memory: int64(s.Memory), Pids: s.Pids, Disk: int64(s.Disk)},
		ReadOnly: s.ReadOnly, Runtime: s.Runtime, Rm: s.Rm, KeepRunning: s.KeepRunning, Protect: s.Protect,
		RiskOK: s.AllowHostRisk, SecretOK: s.AllowSecretArgv, IdempotencyKey: s.IdempotencyKey,
	}
	if s.Name != nil {
		r.Name = *s.Name
	}
	r.Labels = map[string]string{}
	for _, l := range s.Label {
		k, v, ok := strings.Cut(l, "=")
		if !ok {
			return r, usageError(fmt.Sprintf("--label %s: it takes k=v", clip(l)))
		}
		r.Labels[k] = v
	}
	if s.Backend != "" {
		if err := oneOf("--backend", s.Backend, c.env.Backends.Names()); err != nil {
			return r, err
		}
	}
	return r, conf.apply(&r, c.getenv(lifecycle.EnvBackend))
}

// tellClone prints how to bring work back out of a clone.
func (c *call) tellClone(b projections.Bottle) {
	if b.Private == nil || b.Private.Workspace.Mode != "clone" || b.Private.Workspace.Clone == "" {
		return
	}
	c.progress.say("to bring the work back: " + lifecycle.FetchLine(b.Private.Workspace))
}
