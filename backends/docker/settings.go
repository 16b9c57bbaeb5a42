package docker

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/go-connections/nat"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// capabilities are what root in a container keeps: what installing packages
// and changing owners needs. Of Docker's own default set AUDIT_WRITE, MKNOD,
// NET_RAW (forged packets), SETPCAP and SYS_CHROOT are left out.
var capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETUID",
}

const (
	// defaultPids is the limit of a spec that names none.
	defaultPids = 4096
	// logSize and logFiles bound what the log driver keeps.
	logSize, logFiles = "10m", "2"
	// logDriver is the one that bounds and compresses; not every engine has it.
	logDriver = "local"
	// recursiveReadOnly is the first API whose read-only binds cover what is
	// mounted below their source (Docker 25).
	recursiveReadOnly = "1.44"
)

// inMemory are the writable folders of a container whose root is read-only.
// An agent runs what it builds in /tmp, and may be any user.
var inMemory = map[string]string{
	"/tmp": "rw,exec,nosuid,nodev,mode=1777",
	"/run": "rw,exec,nosuid,nodev,mode=1777",
}

// checkWords refuses what the engine would misread, or would repeat in an
// error that may hold a value.
func checkWords(argv, env []string) error {
	for i, kv := range env {
		name, _, ok := strings.Cut(kv, "=")
		switch {
		case !ok || name == "":
			return fmt.Errorf("environment entry %d is not NAME=VALUE: %w", i+1, backends.ErrBadRequest)
		case strings.ContainsRune(kv, 0):
			return fmt.Errorf("environment variable %q holds a NUL byte: %w", strings.ReplaceAll(name, "\x00", ""), backends.ErrBadRequest)
		}
	}
	switch {
	case len(argv) > 0 && argv[0] == "":
		return fmt.Errorf("the command is empty: %w", backends.ErrBadRequest)
	case slices.ContainsFunc(argv, func(a string) bool { return strings.ContainsRune(a, 0) }):
		return fmt.Errorf("the command holds a NUL byte: %w", backends.ErrBadRequest)
	}
	return nil
}

// checkSpec refuses what no engine can make.
func checkSpec(s backends.InstanceSpec) error {
	switch {
	case !isName(s.Name):
		return fmt.Errorf("%q is not a container's name: %w", s.Name, backends.ErrBadRequest)
	case s.Network != networkNone && s.Network != networkFull:
		return fmt.Errorf("network %q: %w", s.Network, backends.ErrBadRequest)
	case s.CPUs < 0 || s.Memory < 0 || s.Pids < 0:
		return fmt.Errorf("a limit is negative: %w", backends.ErrBadRequest)
	}
	if refused := Supports(s); len(refused) > 0 {
		return fmt.Errorf("%s: %w", strings.Join(refused, ", "), backends.ErrUnsupported)
	}
	for _, m := range s.Mounts {
		if at := path.Clean(m.Target); at == programDir || strings.HasPrefix(at, programDir+"/") {
			return fmt.Errorf("mount at %s: bot-bottle's own program is there: %w", m.Target, backends.ErrBadRequest)
		}
	}
	return checkWords(s.Argv, s.Env)
}

// settings translate a spec into what the API takes, for a container whose main
// process is the agent itself; see held for the others.
func (b *Backend) settings(s backends.InstanceSpec, f *engineFacts) (*container.Config, *container.HostConfig) {
	cfg := &container.Config{
		Image: s.Image.ID, Env: slices.Clone(s.Env), WorkingDir: s.Workdir, User: s.User, Labels: s.Labels.Pairs(s.Slug),
		Tty: s.TTY, OpenStdin: s.Stdin,
		// without a terminal the agent must see the end of its input
		StdinOnce: s.Stdin && !s.TTY,
	}
	if len(s.Argv) > 0 {
		cfg.Entrypoint, cfg.Cmd = s.Argv, []string{}
	}
	pids := s.Pids
	if pids == 0 {
		pids = defaultPids
	}
	host := &container.HostConfig{
		NetworkMode: networkNone,
		Runtime:     s.Runtime,
		CapDrop:     []string{"ALL"}, CapAdd: slices.Clone(capabilities),
		SecurityOpt:    []string{"no-new-privileges"},
		ReadonlyRootfs: s.ReadOnly,
		Mounts:         b.mounts(s),
		Resources: container.Resources{
			NanoCPUs: int64(math.Round(s.CPUs * 1e9)), Memory: s.Memory, MemorySwap: s.Memory, PidsLimit: &pids,
		},
	}
	if f.localLog {
		host.LogConfig = container.LogConfig{Type: logDriver, Config: map[string]string{"max-size": logSize, "max-file": logFiles}}
	}
	if s.Network == networkFull {
		host.NetworkMode = container.NetworkMode(bridgeOf(s.Labels.Home).name)
		cfg.ExposedPorts, host.PortBindings = published(s.Ports)
	}
	if s.ReadOnly {
		host.Tmpfs = maps.Clone(inMemory)
		for _, m := range s.Mounts {
			delete(host.Tmpfs, path.Clean(m.Target))
		}
	}
	return cfg, host
}

// mounts are typed entries: the string form of a bind cannot hold every path.
func (b *Backend) mounts(s backends.InstanceSpec) []mount.Mount {
	// An older engine makes only the top of a read-only bind read-only and
	// leaves file systems that are mounted below it writable. There the bind
	// shows none of those.
	alone := versions.LessThan(b.api.ClientVersion(), recursiveReadOnly)
	var out []mount.Mount
	for _, m := range s.Mounts {
		to := mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		if m.ReadOnly && alone {
			to.BindOptions = &mount.BindOptions{NonRecursive: true}
		}
		out = append(out, to)
	}
	return out
}

func published(ports []backends.Port) (nat.PortSet, nat.PortMap) {
	set, bound := nat.PortSet{}, nat.PortMap{}
	for _, p := range ports {
		key := portKey(p)
		set[key] = struct{}{}
		bound[key] = append(bound[key], nat.PortBinding{HostIP: orElse(p.HostIP, "127.0.0.1"), HostPort: strconv.Itoa(p.HostPort)})
	}
	return set, bound
}
