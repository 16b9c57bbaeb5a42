package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Networks, as recorded.
const (
	netNone = "none"
	netFull = "full"
)

// defaultPids bounds processes and threads where the user names no number.
const defaultPids = 4096

// Plan checks a request and works out everything that can be known before
// anything is touched: the backend and which rule chose it, the mounts, the
// names. It reads files and the environment, and asks the engine only whether
// it answers, and only when nothing names a backend.
func (m *Manager) Plan(ctx context.Context, r StartRequest) (Plan, error) {
	var p Plan
	if err := checkRequest(r); err != nil {
		return p, err
	}
	kind, endpoint, rule, err := m.choose(ctx, r.Backend, r.Endpoint)
	if err != nil {
		return p, err
	}
	c := &p.Created
	c.Source, c.Backend, c.Endpoint, c.BackendSource = "start", kind, endpoint, rule
	c.IdempotencyKey = r.IdempotencyKey
	c.Agent = orElse(r.Agent, agentOf(r.Argv))
	c.Spec = events.Spec{
		Image: r.Image, Pull: string(r.Pull), User: r.User, Limits: r.Limits, Runtime: r.Runtime,
		Network: orElse(r.Network, netFull), ReadOnly: r.ReadOnly, TTY: r.TTY, Interactive: r.Stdin,
		RemoveAfter: r.Rm, KeepRunning: r.KeepRunning, Protected: r.Protect, Labels: r.Labels,
		RiskAllowed: r.RiskOK, SecretArgv: r.SecretOK,
	}
	if c.Spec.Limits.Pids == 0 {
		c.Spec.Limits.Pids = defaultPids
	}
	c.Private = events.Private{Cwd: r.Cwd, Argv: r.Argv, Workdir: r.Workdir}
	if c.Env, p.env, err = m.gatherEnv(r.Cwd, r.Env, r.EnvFiles, r.EnvPlain); err != nil {
		return p, err
	}
	if !r.SecretOK {
		if err := secretInArgv(r.Argv, p.env); err != nil {
			return p, err
		}
	}
	if err := m.planMounts(ctx, &p, r); err != nil {
		return p, err
	}
	for _, s := range r.Publish {
		port, err := parsePort(s)
		if err != nil {
			return p, err
		}
		c.Spec.Ports = append(c.Spec.Ports, port)
	}
	if c.Spec.Network == netNone && len(c.Spec.Ports) > 0 {
		return p, usage("-p publishes a port, which --network none has not")
	}
	m.guard(&p)
	if err := m.supported(p); err != nil {
		return p, err
	}
	c.SpecDigest = specDigest(r.Name, *c)
	if c.Slug = r.Name; c.Slug == "" {
		p.SlugIsMade = true
		c.Slug = slugFor(c.Agent, orElse(c.Workspace.Source, r.Cwd))
	}
	c.InstanceName = InstancePrefix + c.Slug
	return p, nil
}

// CountUp gives a made name the number that start would give it now.
func (p *Plan) CountUp(ctx context.Context, q projections.Queryer) error {
	if !p.SlugIsMade {
		return nil
	}
	return freeName(ctx, q, &p.Created, p.Created.Slug, 1)
}

func checkRequest(r StartRequest) error {
	if r.Name != "" {
		if err := CheckSlug(r.Name); err != nil {
			return err
		}
	}
	if r.Image == "" {
		return &Problem{Code: CodeUsage, Next: "printf 'FROM debian:stable-slim\\n' | docker build -t my-agent -",
			Message: "no image: give --image, or a line \"image: my-agent\" in config.yaml (for one agent below agents:)"}
	}
	if r.Network != "" && r.Network != netNone && r.Network != netFull {
		return usage("--network %s: there is none and full", r.Network)
	}
	if r.Workdir != "" && !path.IsAbs(r.Workdir) {
		return usage("-w %s: the workdir is a path inside the bottle and must be absolute", r.Workdir)
	}
	for _, a := range slices.Concat(r.Argv, []string{r.User, r.Workdir, r.Image}) {
		if strings.ContainsRune(a, 0) {
			return usage("a word of the command line has a NUL byte")
		}
	}
	for k, v := range r.Labels {
		if err := CheckLabel(k, v); err != nil {
			return err
		}
	}
	return nil
}

// CheckLabel says what is wrong with a label.
func CheckLabel(k, v string) error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '=' || r == ',' }
	if k == "" || len(k) > 63 || strings.ContainsFunc(k, bad) || strings.HasSuffix(k, "-") {
		return usage("the label name %q: use 1 to 63 bytes without = , control characters or a dash at the end", clip(k))
	}
	if len(v) > 255 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return usage("the value of label %s: use at most 255 bytes without control characters", k)
	}
	return nil
}

func agentOf(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return filepath.Base(argv[0])
}

func (m *Manager) planMounts(ctx context.Context, p *Plan, r StartRequest) (err error) {
	c := &p.Created
	var guards []events.Mount
	if c.Workspace, guards, err = m.planWorkspace(ctx, r.Cwd, r.Workspace, r.Clone); err != nil {
		return err
	}
	sources := []string{}
	if c.Workspace.Mode == workBind {
		sources = append(sources, c.Workspace.Source)
	}
	if c.Workspace.Target != "" && c.Workdir == "" {
		c.Workdir = c.Workspace.Target
	}
	taken := map[string]bool{c.Workspace.Target: c.Workspace.Target != ""}
	for _, v := range r.Volumes {
		mt, err := m.parseVolume(r.Cwd, v)
		if err != nil {
			return err
		}
		if taken[mt.Target] {
			return usage("two mounts share the target %s", mt.Target)
		}
		taken[mt.Target] = true
		c.Mounts = append(c.Mounts, mt)
		if mt.Volume == "" {
			sources = append(sources, mt.Source)
		}
	}
	c.Mounts = append(c.Mounts, guards...)
	for _, g := range guards {
		if !within(orElse(c.Workspace.Source, "/"), g.Source) {
			sources = append(sources, g.Source)
		}
	}
	if r.RiskOK {
		return nil
	}
	for _, s := range sources {
		if err := m.checkRisk(s, c.Endpoint); err != nil {
			return err
		}
	}
	return nil
}

// supported asks the kind whether it can enforce all that was asked for.
func (m *Manager) supported(p Plan) error {
	k, err := m.Backends.Kind(p.Created.Backend)
	if err != nil || k.Supports == nil {
		return err
	}
	spec := m.instanceSpec(p.Created, backends.Labels{}, backends.Image{}, nil)
	if flags := k.Supports(spec); len(flags) > 0 {
		return &Problem{Code: CodeUsage, Backend: p.Created.Backend,
			Message: fmt.Sprintf("%s cannot enforce %s", p.Created.Backend, strings.Join(flags, ", "))}
	}
	return nil
}

// parsePort reads [IP:]HOST:GUEST[/udp].
func parsePort(s string) (events.Port, error) {
	bad := func() (events.Port, error) {
		return events.Port{}, usage("-p %s: it takes [IP:]HOST:GUEST, optionally with /udp", s)
	}
	spec, proto, has := strings.Cut(s, "/")
	if has && proto != "tcp" && proto != "udp" {
		return bad()
	}
	i := strings.LastIndexByte(spec, ':')
	if i < 0 {
		return bad()
	}
	guest, err := portNumber(spec[i+1:], 1)
	if err != nil {
		return bad()
	}
	ip, host := "127.0.0.1", spec[:i]
	if j := strings.LastIndexByte(host, ':'); j >= 0 {
		ip, host = strings.Trim(host[:j], "[]"), host[j+1:]
		if !isIP(ip) {
			return bad()
		}
	}
	hp, err := portNumber(host, 0)
	if err != nil {
		return bad()
	}
	return events.Port{HostIP: ip, HostPort: hp, GuestPort: guest, Protocol: proto}, nil
}

func portNumber(s string, least int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && int(n) < least {
		err = strconv.ErrRange
	}
	return int(n), err
}

// specDigest tells two requests under one idempotency key apart: by what they
// come to, so that the same words in another folder are another request, and
// the same folder by another word is not. Values of variables do not enter it,
// nor what changes by itself: where start was called, the HEAD to clone, the
// guards that a git directory needs today.
func specDigest(name string, c events.BottleCreated) string {
	private := c.Private
	private.Cwd, private.Workspace.Commit = "", ""
	private.Mounts = slices.DeleteFunc(slices.Clone(c.Mounts), func(mt events.Mount) bool { return mt.Guard })
	b, err := json.Marshal(struct {
		Name, Agent, Backend, Endpoint string
		Spec                           events.Spec
		Private                        events.Private
	}{name, c.Agent, c.Backend, c.Endpoint, c.Spec, private})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
