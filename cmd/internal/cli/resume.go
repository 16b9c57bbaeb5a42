package cli

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// resumeCmd is `resume`. It has no flag for a backend or an endpoint: those
// are recorded, and nothing can divert them.
type resumeCmd struct {
	Bottle      string   `arg:"" optional:"" help:"Slug, id, or a prefix of either that fits one bottle."`
	NewInstance bool     `help:"Make a new instance from the recorded image; what only the old one held is lost."`
	Interrupted bool     `help:"Every bottle whose last stop was neither the user's nor the agent's own."`
	Detach      bool     `short:"d" help:"Do not connect to the agent; print the bottle's name."`
	Env         []string `short:"e" sep:"none" placeholder:"K[=V]" help:"A value that is not recorded, where it is needed again."`
	EnvFile     []string `sep:"none" placeholder:"F" help:"Such values out of a file."`
	DetachKeys  string   `placeholder:"KEYS" help:"Keys that leave the agent running."`

	Extra []string `arg:"" optional:"" hidden:"" sep:"none"`
	argv  []string
}

// takeTail gets what stands behind --.
func (r *resumeCmd) takeTail(argv []string) { r.argv = argv }

func (r *resumeCmd) check() error {
	switch {
	case len(r.Extra) > 0:
		return usageError("resume: one bottle at a time; the agent's words stand behind --")
	case r.Interrupted && r.Bottle != "":
		return usageError("resume: name a bottle, or take --interrupted: not both")
	case r.Interrupted && (r.NewInstance || len(r.argv)+len(r.Env)+len(r.EnvFile) > 0):
		return usageError("resume: --interrupted resumes bottles as they are")
	case !r.Interrupted && r.Bottle == "":
		return usageError("resume: name a bottle, or take --interrupted")
	case len(r.argv) > 0 && !r.NewInstance:
		return &problem{Code: codeUsage, Slug: r.Bottle, Next: "bot-bottle resume --new-instance " + r.Bottle + " -- …",
			Message: "resume: an instance runs the words it was made with; other words take a new instance"}
	}
	return checkDetachKeys(r.DetachKeys)
}

func (r *resumeCmd) run(ctx context.Context, c *call) error {
	conf, err := c.config()
	if err != nil {
		return err
	}
	if r.Interrupted {
		return r.interrupted(ctx, c, conf)
	}
	detached := r.Detach || c.structured()
	keys := orElse(r.DetachKeys, c.detachKeys(conf))
	if err := checkDetachKeys(keys); err != nil {
		return err
	}
	b, err := c.bottle(ctx, r.Bottle)
	if err != nil {
		return err
	}
	// of an imported bottle the instance runs, and no agent to connect to
	detached = detached || b.AgentByExec() && !r.NewInstance
	if !detached {
		c.guest = guestButUsage
	}
	m, err := c.manager(ctx, conf)
	if err != nil {
		return err
	}
	if _, err := b.Can(projections.NewInstance); err == nil && r.NewInstance && b.Instance != nil {
		for _, s := range b.LosesAnew() {
			c.progress.warn(b.Slug, "lost with the old instance: "+s)
		}
	}
	begin := func(fg *lifecycle.Foreground) (lifecycle.Outcome, error) {
		return m.Resume(ctx, b.ID, lifecycle.ResumeRequest{
			NewInstance: r.NewInstance, Argv: r.argv, Env: r.Env, EnvFiles: r.EnvFile, Foreground: fg})
	}
	var out lifecycle.Outcome
	if detached {
		out, err = begin(nil)
	} else {
		out, err = c.foreground(b.Spec.TTY, false, keys, begin)
	}
	return c.began(out, err, detached)
}

// interrupted resumes, detached, every bottle that was ended from outside.
func (r *resumeCmd) interrupted(ctx context.Context, c *call, conf *config) error {
	var targets []target
	err := c.look(ctx, func(v *glance) error {
		rows, err := v.list(ctx, projections.Query{States: []string{string(projections.Stopped)}})
		if err != nil {
			return err
		}
		for _, row := range rows {
			b, err := projections.LoadView(ctx, v.View, row.ID)
			if err != nil {
				return err
			}
			for _, id := range lifecycle.Interrupted([]projections.Bottle{b}) {
				targets = append(targets, target{word: b.Slug, id: id})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Several by its nature: one failure of one is "partly done" as well.
	return c.onEach(ctx, 2, targets, conf, func(m *lifecycle.Manager, id string) error {
		_, err := m.Resume(ctx, id, lifecycle.ResumeRequest{})
		return err
	})
}
