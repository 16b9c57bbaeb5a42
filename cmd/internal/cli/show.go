package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// showCmd is `show`. It reads the log and asks nobody, unless --screen says so.
type showCmd struct {
	one
	Screen bool `help:"Show what the agent's terminal shows, without attaching."`
}

func (s *showCmd) run(ctx context.Context, c *call) error {
	b, err := c.bottle(ctx, s.Bottle)
	if err != nil {
		return err
	}
	var seen *screenshot
	if s.Screen {
		if seen, err = c.screenshot(ctx, b); err != nil {
			return err
		}
	}
	switch c.Output {
	case asJSON, asLines:
		c.showJSON(b, seen)
	case asNames:
		c.out.WriteString(safe(b.Slug) + "\n")
	default:
		if seen != nil {
			return seen.print(c.out)
		}
		c.showText(b)
	}
	return nil
}

func (c *call) showJSON(b projections.Bottle, seen *screenshot) {
	j := newDocument()
	j.open("bottle", '{')
	bottleRowOf(b).keys(j)
	c.showKeys(j, b)
	if seen != nil {
		seen.keys(j)
	}
	j.close('}')
	c.document(j)
}

// showKeys writes what show tells beyond a row of list.
func (c *call) showKeys(j *jsonBuf, b projections.Bottle) {
	j.str("source", b.Source).opt("idempotency_key", b.IdempotencyKey).opt("last_observed", b.Observed).strs("left_behind", b.LeftBehind)
	if f := b.Failure; f != nil {
		j.open("failure", '{').str("action", f.Action).str("code", f.Code).str("reason", f.Reason).strs("left_behind", f.LeftBehind).time("at", f.At).close('}')
	} else {
		j.null("failure")
	}
	importedKeys(j, b)
	c.specKeys(j, b)
	sessionKeys(j, b)
	r := b.Comeback(c.keepsEnv(b))
	j.open("resume", '{').strs("brings_back", r.BringsBack).strs("loses", r.Loses).str("next", r.Next).close('}')
}

// showText writes the same for a person: what is not known is left out.
func (c *call) showText(b projections.Bottle) {
	row := bottleRowOf(b)
	now := c.env.Now()
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(c.out, "%-13s %s\n", key, safe(value))
		}
	}
	line("name", b.Slug)
	line("id", b.ID)
	line("state", row.stateText())
	if b.Failure != nil {
		line("failed", b.Failure.Action+": "+b.Failure.Reason)
	}
	line("agent", b.Agent)
	line("backend", b.Backend+atEndpoint(b.Endpoint)+chosenBy(b.BackendSource))
	line("instance", b.InstanceName+" (generation "+strconv.Itoa(b.Generation)+")")
	showImported(b, line)
	line("image", b.Spec.Image)
	if b.Instance != nil {
		line("image id", orElse(b.Instance.ImageDigest, b.Instance.ImageID))
	}
	line("user", orElse(b.Spec.User, b.Spec.DefaultUser))
	c.showPrivate(b, line)
	line("limits", limitsText(b))
	if b.Instance != nil {
		line("runtime", b.Instance.Runtime)
		line("session", b.Instance.Session)
	}
	network := b.Spec.Network
	if e := enforcement(b.Backend, network); e != "" {
		network += ": " + e
	}
	line("network", network)
	line("labels", labelsText(b.Labels))
	if b.Protected {
		line("protected", "yes")
	}
	line("created", stamp(b.CreatedAt)+" ("+age(b.CreatedAt, now)+" ago)")
	line("updated", stamp(b.UpdatedAt)+" ("+age(b.UpdatedAt, now)+" ago)")
	for _, l := range b.LeftBehind {
		line("left behind", l)
	}
	r := b.Comeback(c.keepsEnv(b))
	for _, s := range r.BringsBack {
		line("resume brings", s)
	}
	for _, s := range r.Loses {
		line("resume loses", s)
	}
	line("next", r.Next)
}

// showPrivate is the part of the spec that can be redacted.
func (c *call) showPrivate(b projections.Bottle, line func(string, string)) {
	p := b.Private
	if p == nil {
		line("words", "redacted")
		return
	}
	line("words", strings.Join(p.Argv, " "))
	line("workdir", p.Workdir)
	line("workspace", workspaceText(p.Workspace))
	if p.Workspace.Clone != "" && b.State != projections.Removed {
		line("fetch", lifecycle.FetchLine(p.Workspace))
	}
	for _, m := range p.Mounts {
		if !m.Guard {
			line("mount", orElse(m.Volume, m.Source)+" at "+m.Target+readOnlyText(m.ReadOnly))
		}
	}
	for _, x := range b.Spec.Ports {
		line("port", fmt.Sprintf("%s:%d to %d/%s", x.HostIP, x.HostPort, x.GuestPort, orElse(x.Protocol, "tcp")))
	}
	for _, e := range p.Env {
		line("variable", e.Name+" ("+e.Source+")")
	}
	switch {
	case c.envStoredBy(b) != "":
		line("", "the engine stores the values of these variables")
	case len(p.Env) > 0:
		line("", "nobody stores the values of these variables: each start reads them again")
	}
}

func atEndpoint(endpoint string) string {
	if endpoint == "" {
		return "" // of a kind that no program of ours could ask
	}
	return " at " + endpoint
}

func chosenBy(source string) string {
	switch source {
	case "flag":
		return ", chosen by flag"
	case "env":
		return ", chosen by BOT_BOTTLE_BACKEND"
	case "config":
		return ", chosen by the config file"
	case "detected":
		return ", chosen because it answered"
	case "import":
		return ", as the imported record says"
	case "fallback":
		return ", assumed: the imported record named none"
	}
	return ""
}

func limitsText(b projections.Bottle) string {
	var out []string
	l := b.Spec.Limits
	if l.CPUs > 0 {
		out = append(out, cpusText(l.CPUs)+" cpus")
	}
	if l.Memory > 0 {
		out = append(out, bytesText(l.Memory)+" memory")
	}
	if l.Pids > 0 {
		out = append(out, strconv.FormatInt(l.Pids, 10)+" processes")
	}
	if l.Disk > 0 {
		out = append(out, bytesText(l.Disk)+" disk")
	}
	return strings.Join(out, ", ")
}

func cpusText(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func labelsText(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ",")
}

func readOnlyText(ro bool) string {
	if ro {
		return " (read-only)"
	}
	return ""
}

// keepsEnv says whether the bottle's engine keeps the values of variables. Of
// a kind that this program lacks nothing is promised.
func (c *call) keepsEnv(b projections.Bottle) bool {
	k, err := c.env.Backends.Kind(b.Backend)
	return err == nil && k.KeepsEnv
}

// envStoredBy says who keeps the values of the environment between runs: the
// engine's own record, or nobody.
func (c *call) envStoredBy(b projections.Bottle) string {
	if b.Private == nil || len(b.Private.Env) == 0 || !c.keepsEnv(b) {
		return ""
	}
	return "engine"
}
