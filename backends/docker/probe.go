package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/system"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// engineFacts are what an engine says of itself.
type engineFacts struct {
	engine   backends.Engine
	runtime  string // the default
	localLog bool   // it has the log driver "local"
	arch     string // of its machine, as uname says
	memory   bool   // it enforces memory limits
	cpu      bool   // it enforces CPU limits
	podman   bool   // its API for Docker leaves out some of what is asked
}

// Probe says whether the engine answers and what it can do.
func (b *Backend) Probe(ctx context.Context) (backends.Engine, error) {
	f, err := b.ask(ctx)
	if err != nil {
		return backends.Engine{}, err
	}
	return f.engine, nil
}

// engine asks the engine about itself, once.
func (b *Backend) engine(ctx context.Context) (*engineFacts, error) {
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
	case <-ctx.Done():
		return nil, b.fail(ctx, "ask the engine about itself", ctx.Err())
	}
	if known := b.facts.Load(); known != nil {
		return known, b.connect(ctx)
	}
	return b.ask(ctx)
}

// foresee asks what a creation will need to know while the image is looked
// for: engines take 6 to 14 ms to answer that, more than to all the rest.
// What goes wrong is said by who needs the answer.
func (b *Backend) foresee(ctx context.Context) { go func() { _, _ = b.engine(ctx) }() }

func (b *Backend) ask(ctx context.Context) (*engineFacts, error) {
	const op = "ask the engine about itself"
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	info, err := b.api.Info(ctx)
	if err != nil {
		return nil, b.fail(ctx, op, err)
	}
	f := &engineFacts{
		engine: backends.Engine{
			ID: info.ID, Version: info.ServerVersion, API: b.api.ClientVersion(), Name: "Docker Engine",
			Runtimes: slices.Sorted(maps.Keys(info.Runtimes)),
			Rootless: slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.Contains(o, "name=rootless") }),
		},
		runtime:  info.DefaultRuntime,
		arch:     info.Architecture,
		localLog: slices.Contains(info.Plugins.Log, logDriver),
		memory:   info.MemoryLimit,
		cpu:      info.CPUCfsQuota && info.CPUCfsPeriod,
	}
	if f.podman = b.podman.Load(); f.podman {
		f.engine.Name, f.engine.ID = "Podman Engine", "" // it makes up a new id for each answer
	}
	f.engine.Missing = gaps(info, f)
	b.facts.Store(f)
	return f, nil
}

// bears refuses what this engine would accept and not enforce.
func (f *engineFacts) bears(s backends.InstanceSpec) error {
	switch {
	case s.Memory > 0 && !f.memory:
		return fmt.Errorf("--memory: this engine cannot limit memory: %w", backends.ErrUnsupported)
	case s.CPUs > 0 && !f.cpu:
		return fmt.Errorf("--cpus: this engine cannot limit CPU time: %w", backends.ErrUnsupported)
	case f.podman && slices.ContainsFunc(s.Mounts, func(m backends.Mount) bool { return strings.ContainsAny(m.Source+m.Target, ",\"\n") }):
		return fmt.Errorf("--volume: Podman's API for Docker takes a comma, a quote or a newline in a path for the end of it: %w", backends.ErrUnsupported)
	case s.Runtime != "" && f.podman && s.Runtime != f.runtime:
		return fmt.Errorf("--runtime %s: Podman's API for Docker takes no other than its own, %s: %w", s.Runtime, f.runtime, backends.ErrUnsupported)
	case s.Runtime != "" && len(f.engine.Runtimes) > 0 && !slices.Contains(f.engine.Runtimes, s.Runtime):
		return fmt.Errorf("--runtime %s: this engine has %s: %w", s.Runtime, strings.Join(f.engine.Runtimes, ", "), backends.ErrBadRequest)
	}
	return nil
}

// gaps list what an engine lacks, for doctor.
func gaps(info system.Info, f *engineFacts) (out []backends.Gap) {
	gap := func(missing bool, id, detail, fix string) {
		if missing {
			out = append(out, backends.Gap{ID: id, Detail: detail, Fix: fix})
		}
	}
	delegate := "boot with cgroup_enable=memory, or delegate the controller: Delegate=cpu cpuset io memory pids in user@.service"
	gap(!f.memory, "docker.memory-limit", "memory limits are not enforced: --memory is refused", delegate)
	gap(f.memory && !info.SwapLimit, "docker.swap-limit", "swap is not limited: a bottle may use as much swap as memory again", "boot with swapaccount=1, or use cgroup v2")
	gap(!f.cpu, "docker.cpu-limit", "CPU limits are not enforced: --cpus is refused", "a kernel with CONFIG_CFS_BANDWIDTH, or delegate the cpu controller")
	gap(!info.PidsLimit, "docker.pids-limit", "the number of processes is not limited", delegate)
	gap(info.OSType != "linux" && info.OSType != "", "docker.linux", "the engine runs "+info.OSType+" containers, bottles are Linux ones", "switch it to Linux containers")
	gap(!f.localLog, "docker.log", "there is no log driver "+logDriver+": logs are kept as the engine is set up to, and may grow without bound", "")
	seccomp := slices.ContainsFunc(info.SecurityOptions, func(o string) bool {
		return strings.Contains(o, "name=seccomp") && !strings.Contains(o, "profile=unconfined")
	})
	gap(!seccomp, "docker.seccomp", "system calls are not filtered", "a kernel with CONFIG_SECCOMP and an engine without --seccomp-profile=unconfined")
	userns := f.engine.Rootless || slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.Contains(o, "name=userns") })
	gap(!userns, "docker.userns", "root in a bottle is root of the host behind the container's walls", "run the engine rootless, set userns-remap, or use --runtime with a sandbox such as gVisor")
	gap(f.podman, "docker.bridge", "bottles of one home reach each other over their network: Podman has no rule against it", "start --network none for those that must not")
	gap(f.engine.ID == "", "docker.id", "the engine has no stable id: another engine at the same address would not be noticed", "")
	return out
}
