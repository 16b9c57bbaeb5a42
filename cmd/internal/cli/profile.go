package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// apply fills in what flags left open from the agent's profile and the
// config, and refuses flags that contradict a lock.
func (c *config) apply(r *lifecycle.StartRequest, envBackend string) error {
	for _, l := range []struct{ locked, given, what string }{
		{c.locked.Image, r.Image, "--image"},
		{c.locked.Backend, r.Backend, "--backend"},
		{c.locked.Backend, envBackend, lifecycle.EnvBackend},
	} {
		if err := c.unlocked(l.locked, l.given, l.what); err != nil {
			return err
		}
	}
	name := r.Agent
	if name == "" && len(r.Argv) > 0 {
		name = filepath.Base(r.Argv[0])
	}
	p, known := c.Agents[name]
	if r.Agent != "" && !known && len(r.Argv) == 0 {
		return c.noProfile(r.Agent)
	}
	if known {
		if _, locked := c.locked.Agents[name]; locked {
			if err := c.matches(p, r, name); err != nil {
				return err
			}
		}
		p.fill(r)
	}
	r.Image = orElse(r.Image, c.Image)
	return nil
}

// noProfile says that --agent names none, where nothing else says what to run.
func (c *config) noProfile(agent string) error {
	names := make([]string, 0, len(c.Agents))
	for n := range c.Agents {
		names = append(names, n)
	}
	slices.Sort(names)
	msg := fmt.Sprintf("--agent %q: the config file has no such profile", clip(agent))
	if len(names) > 0 {
		msg += ": there is " + strings.Join(names, ", ")
		if n := nearest(agent, names); n != "" {
			msg += fmt.Sprintf("; did you mean %s?", n)
		}
	}
	return usageError(msg + "; without one, give the words to run behind --")
}

// fill takes from the profile what no flag says. Variables and volumes of
// both count.
func (p profile) fill(r *lifecycle.StartRequest) {
	r.Image = orElse(r.Image, p.Image)
	if len(r.Argv) == 0 {
		r.Argv = p.Argv
	}
	given := map[string]bool{}
	for _, kv := range slices.Concat(r.Env, r.EnvPlain) {
		name, _, _ := strings.Cut(kv, "=")
		given[name] = true
	}
	for _, e := range p.Env {
		if !given[e] {
			r.Env = append(r.Env, e)
		}
	}
	r.Volumes = append(slices.Clone(p.Volumes), r.Volumes...)
	if r.Workspace == "" && r.Clone == "" {
		if dir, ok := strings.CutPrefix(p.Workspace, "clone "); ok {
			r.Clone = strings.TrimSpace(dir)
		} else if p.Workspace != "none" {
			r.Workspace = p.Workspace
		}
	}
}

// matches refuses flags that differ from a locked profile.
func (c *config) matches(p profile, r *lifecycle.StartRequest, name string) error {
	if err := c.unlocked(p.Image, r.Image, "--image for agent "+name); err != nil {
		return err
	}
	if len(p.Argv) > 0 && len(r.Argv) > 0 && !slices.Equal(p.Argv, r.Argv) {
		return c.refusal("the words of agent " + name)
	}
	if p.Workspace != "" && (r.Workspace != "" || r.Clone != "") {
		return c.refusal("the workspace of agent " + name)
	}
	return nil
}

// detachKeys are the keys that leave an agent running: BOT_BOTTLE_DETACH_KEYS
// over the config, unless that is locked.
func (c *call) detachKeys(conf *config) string {
	if conf.locked.DetachKeys != "" {
		return conf.locked.DetachKeys
	}
	return orElse(c.getenv("BOT_BOTTLE_DETACH_KEYS"), conf.DetachKeys)
}
