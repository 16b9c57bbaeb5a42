package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	dnetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Inspect says what the engine sees of an instance.
func (b *Backend) Inspect(ctx context.Context, ref backends.Ref) (backends.Observation, error) {
	c, err := b.exact(ctx, "inspect", ref)
	switch {
	case errors.Is(err, backends.ErrNotFound):
		return backends.Observation{Status: backends.StatusGone}, nil
	case errors.Is(err, backends.ErrNotOurs):
		o := b.observe(c)
		o.Status = backends.StatusReplaced
		return o, nil
	case err != nil:
		return backends.Observation{}, err
	}
	o := b.observe(c)
	if h, ok := heldBy(c); ok {
		b.asRecorded(ctx, &o, c, h)
		return o, nil
	}
	if o.Status == backends.StatusCreated && o.Detail == "" {
		// Start refuses what its init program could not execute, and the
		// engine never hears of it.
		if err := b.lookFor(ctx, c.ID, c.Path, c.Config.WorkingDir, c.Config.Env); err != nil {
			o.Detail = fmt.Sprintf("%q: %v", c.Path, err)
		}
	}
	return o, nil
}

// List returns what has the home's label, in one call. The engine says less
// there than in Inspect: no times, no exit codes.
func (b *Backend) List(ctx context.Context, home string) ([]backends.Observation, error) {
	found, err := b.list(ctx, "list containers", label(backends.LabelHome, home))
	if err != nil {
		return nil, err
	}
	return summaries(found), nil
}

// InProject lists the containers of a compose project, whoever made them.
func (b *Backend) InProject(ctx context.Context, project string) ([]backends.Observation, error) {
	found, err := b.list(ctx, "list containers of project "+project, filters.Arg("label", backends.LabelProject+"="+project))
	if err != nil {
		return nil, err
	}
	return summaries(found), nil
}

// summaries translates a list of containers.
func summaries(found []container.Summary) []backends.Observation {
	out := make([]backends.Observation, 0, len(found))
	for _, c := range found {
		o := backends.Observation{
			Name: ownName(c.Names), ID: c.ID, Labels: backends.LabelsOf(c.Labels), Slug: c.Labels[backends.LabelSlug],
			Status: status(c.State), ImageID: c.ImageID, Image: c.Image, Network: network(c.HostConfig.NetworkMode, c.Labels[backends.LabelHome], connected(c.NetworkSettings)),
		}
		if o.Session = c.Labels[labelSession]; !strings.HasPrefix(o.Session, holderSession) { // Podman tells no command
			o.Session = sessionEngine
		}
		for _, p := range c.Ports {
			if p.PublicPort != 0 {
				o.Ports = append(o.Ports, backends.Port{HostIP: p.IP, HostPort: int(p.PublicPort), GuestPort: int(p.PrivatePort), Protocol: p.Type})
			}
		}
		for _, m := range c.Mounts {
			if m.Type == mount.TypeBind {
				o.Mounts = append(o.Mounts, backends.Mount{Source: m.Source, Target: m.Destination, ReadOnly: !m.RW})
			}
		}
		out = append(out, o)
	}
	return out
}

func connected(s *container.NetworkSettingsSummary) map[string]*dnetwork.EndpointSettings {
	if s == nil {
		return nil
	}
	return s.Networks
}

func (b *Backend) list(ctx context.Context, op string, by ...filters.KeyValuePair) ([]container.Summary, error) {
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	found, err := b.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(by...)})
	return found, b.fail(ctx, op, err)
}

// label filters by a label; "" is any value of it.
func label(name, value string) filters.KeyValuePair {
	if value != "" {
		name += "=" + value
	}
	return filters.Arg("label", name)
}

// ownName is a container's own name: links of other containers add theirs,
// as /other/alias.
func ownName(names []string) string {
	i := slices.IndexFunc(names, func(n string) bool { return strings.LastIndex(n, "/") <= 0 })
	if i < 0 {
		return ""
	}
	return strings.TrimPrefix(names[i], "/")
}

// status translates an engine's word. Docker's set is closed; Podman adds
// some of its own (libpod/define/containerstate.go).
func status(s container.ContainerState) backends.Status {
	switch s {
	case "created", "configured", "initialized":
		return backends.StatusCreated
	case "running", "restarting", "stopping":
		return backends.StatusRunning
	case "paused":
		return backends.StatusPaused
	case "exited", "stopped", "dead", "removing":
		return backends.StatusStopped
	}
	return backends.StatusUnresponsive
}

// observe translates what the engine says of one container.
func (b *Backend) observe(c container.InspectResponse) backends.Observation {
	o := backends.Observation{
		Name: strings.TrimPrefix(c.Name, "/"), ID: c.ID, Labels: backends.LabelsOf(c.Config.Labels), Slug: c.Config.Labels[backends.LabelSlug],
		Status: status(c.State.Status), OOMKilled: c.State.OOMKilled, Detail: hideIn(c.State.Error, c.Config.Env),
		StartedAt: moment(c.State.StartedAt), TTY: c.Config.Tty, ImageID: c.Image, Image: c.Config.Image,
		Argv: append([]string{c.Path}, c.Args...), Workdir: c.Config.WorkingDir, User: c.Config.User, Session: sessionEngine,
		CPUs: float64(c.HostConfig.NanoCPUs) / 1e9, Memory: c.HostConfig.Memory, Runtime: c.HostConfig.Runtime,
	}
	if h, ok := heldBy(c); ok {
		observeHeld(&o, h)
	}
	if p := c.HostConfig.PidsLimit; p != nil && *p > 0 {
		o.Pids = *p
	}
	switch o.Status {
	case backends.StatusStopped:
		o.ExitCode, o.EndedAt = &c.State.ExitCode, moment(c.State.FinishedAt)
	case backends.StatusCreated:
		if c.State.ExitCode != 0 { // a start that failed
			o.ExitCode = &c.State.ExitCode
		}
	}
	for _, m := range c.Mounts {
		if m.Type == mount.TypeBind {
			o.Mounts = append(o.Mounts, backends.Mount{Source: m.Source, Target: m.Destination, ReadOnly: !m.RW})
		}
	}
	var to map[string]*dnetwork.EndpointSettings
	if c.NetworkSettings != nil {
		to = c.NetworkSettings.Networks
	}
	o.Network = network(string(c.HostConfig.NetworkMode), o.Labels.Home, to)
	o.Ports, o.Enforced = ports(c), enforced(c, o.Network, b.podman.Load())
	return o
}

// moment reads an engine's time; its zero time is ours.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// ports are those that are bound now, or would be if it ran.
func ports(c container.InspectResponse) (out []backends.Port) {
	bound := c.HostConfig.PortBindings
	if c.NetworkSettings != nil && c.State.Running {
		bound = c.NetworkSettings.Ports
	}
	for guest, at := range bound {
		for _, h := range at {
			host, err := strconv.Atoi(h.HostPort)
			if err != nil {
				continue // one that the engine picks when it starts
			}
			out = append(out, backends.Port{HostIP: h.HostIP, HostPort: host, GuestPort: guest.Int(), Protocol: guest.Proto()})
		}
	}
	slices.SortFunc(out, func(a, b backends.Port) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

// portKey is how the API writes a guest's port.
func portKey(p backends.Port) nat.Port {
	return nat.Port(strconv.Itoa(p.GuestPort) + "/" + orElse(p.Protocol, "tcp"))
}

// enforced says in words what the engine holds the container to.
func enforced(c container.InspectResponse, network string, podman bool) map[string]string {
	out := map[string]string{"capabilities": "as the engine's default"}
	if less := c.HostConfig.CapDrop; len(less) > 0 { // Podman counts them one by one
		out["capabilities"] += " without " + strings.Join(less, " ")
	}
	if slices.Contains(c.HostConfig.CapDrop, "ALL") || slices.Contains(c.HostConfig.CapDrop, "all") {
		out["capabilities"] = strings.Join(c.HostConfig.CapAdd, " ")
	}
	for _, opt := range c.HostConfig.SecurityOpt {
		if name, value, _ := strings.Cut(strings.ReplaceAll(opt, "=", ":"), ":"); name == "no-new-privileges" && value != "false" {
			out["privileges"] = "none gained by a program's bits"
		}
	}
	switch bridge := bridgeOf(c.Config.Labels[backends.LabelHome]).name; {
	case network == networkNone:
		out["network"] = "no network"
	case network == networkFull && podman: // it has no such rule
		out["network"] = "bridge " + bridge
	case network == networkFull:
		out["network"] = "bridge " + bridge + " without traffic between bottles"
	default:
		out["network"] = "network " + network + " of the engine"
	}
	if c.HostConfig.ReadonlyRootfs {
		out["root"] = "read-only; /tmp and /run in memory"
	}
	if l := c.HostConfig.LogConfig; l.Config["max-size"] != "" {
		out["log"] = l.Type + ", " + l.Config["max-size"] + " a file, " + l.Config["max-file"] + " files"
	}
	return out
}
