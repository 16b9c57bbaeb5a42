package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

const (
	// guestDir is where a machine sees the folder of the guest program.
	guestDir = "/.bot-bottle"

	defaultCPUs    = 2
	defaultMemory  = 2 << 30
	defaultStorage = 20 << 30
	// overlayGiB is the disk of the guest system itself, which a bottle does
	// not write to.
	overlayGiB  = 1
	leastMemory = 64 << 20 // of src/data/resources.rs

	// envPrefix begins the names under which values are given to smolvm. A
	// variable of the bottle may be called PATH, which smolvm reads itself.
	envPrefix = "BOT_BOTTLE_VALUE_"
)

// Create makes a machine, stopped. It boots nothing.
func (b *Backend) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	op := "create " + s.Name
	p, err := b.program(ctx)
	if err != nil {
		return backends.Instance{}, err
	}
	argv, f, image, err := b.plan(p, &s)
	if err != nil {
		return backends.Instance{}, fmt.Errorf("%s: %w", op, err)
	}
	unlock, err := b.lock(ctx, s.Name)
	if err != nil {
		return backends.Instance{}, b.fail(ctx, op, err)
	}
	defer unlock()
	engine, err := b.engineID(ctx)
	if err != nil {
		return backends.Instance{}, fmt.Errorf("%s: %w", op, err)
	}
	made := backends.Instance{ID: s.Labels.Nonce, EngineID: engine, Version: p.Version.String()}
	m, args, err := b.describe(&s, argv, f, image.Path)
	if err != nil {
		return backends.Instance{}, fmt.Errorf("%s: %w", op, err)
	}
	if err := b.shut(); err != nil {
		return backends.Instance{}, fmt.Errorf("%s: %w", op, err)
	}
	// smolvm links the archive into a cache of its own, and of two that do so
	// at once the second one empties it (1.32.2, see fakesmolvm). So machines
	// of a home are created one at a time.
	alone, err := b.lock(ctx, ".create")
	if err != nil {
		return backends.Instance{}, b.fail(ctx, op, err)
	}
	_, err = b.ask(ctx, p, "machine create", args...)
	alone()
	if err == nil {
		b.know(m, b.stamp())
		made.Session = f.Session
		return made, nil
	}
	// Exit code 1 is anything, a name that is taken too: what counts is what
	// is there now.
	if ctx.Err() == nil {
		switch there, looked := b.claimed(ctx, p, &s); {
		case looked != nil:
			return backends.Instance{}, looked
		case there != nil:
			made.Session = there.facts().Session
			return made, nil
		}
	}
	var refusal *failure
	failed := b.fail(ctx, op, err)
	var down *backends.Unavailable
	if errors.As(err, &refusal) && !errors.As(failed, &down) {
		return backends.Instance{}, fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, refusal)
	}
	return backends.Instance{}, failed
}

// claimed is the machine if it is there already. Another one of its name is
// [backends.ErrNotOurs].
func (b *Backend) claimed(ctx context.Context, p program, s *backends.InstanceSpec) (*machine, error) {
	m, err := b.look(ctx, p, s.Name)
	if m == nil || err != nil {
		return nil, err
	}
	if m.owner() != s.Labels {
		return nil, fmt.Errorf("create %s: machine %s has its name: %w", s.Name, m.id(), backends.ErrNotOurs)
	}
	return m, nil
}

// plan refuses what cannot be made and fills in what the image says.
func (b *Backend) plan(p program, s *backends.InstanceSpec) (argv []string, f facts, image images.Stored, err error) {
	bad := func(format string, args ...any) ([]string, facts, images.Stored, error) {
		return nil, facts{}, images.Stored{}, fmt.Errorf("%w: %s", backends.ErrBadRequest, fmt.Sprintf(format, args...))
	}
	switch refused := Supports(*s); {
	case !goodName(s.Name):
		return bad("a machine cannot be called %q", s.Name)
	case s.Labels.Nonce == "" || s.Labels.Home == "":
		return bad("a machine without the labels of its owner")
	case len(refused) > 0:
		return nil, facts{}, images.Stored{}, fmt.Errorf("%w: %s", backends.ErrUnsupported, strings.Join(refused, ", "))
	case s.Network != networkNone && s.Network != networkFull:
		return bad("network %q", s.Network)
	case s.Network == networkFull && p.Version.before(blocksPrivate):
		return nil, facts{}, images.Stored{}, fmt.Errorf("%w: smolvm %s cannot keep a machine away from private networks, %s or newer can: use --network none, or upgrade",
			backends.ErrUnsupported, p.Version, blocksPrivate)
	case s.Memory != 0 && s.Memory < leastMemory:
		return bad("a machine has at least 64 MiB of memory")
	case s.CPUs < 0 || s.CPUs > 1024 || s.Memory < 0 || s.Disk < 0 || s.Pids < 0:
		return bad("a limit below zero, or beyond all machines")
	case s.Workdir != "" && !path.IsAbs(s.Workdir):
		return bad("folder %q is not absolute", s.Workdir)
	}
	for _, m := range s.Mounts {
		if !filepath.IsAbs(m.Source) || !path.IsAbs(m.Target) {
			return bad("mount of %q on %q", m.Source, m.Target)
		}
		if st, err := os.Stat(m.Source); err != nil || !st.IsDir() {
			return bad("mount source %s: there is no such folder", m.Source)
		}
	}
	for _, kv := range s.Env {
		if name, _, ok := strings.Cut(kv, "="); !ok || name == "" || strings.ContainsRune(kv, 0) {
			return bad("a variable without a name, or that no process can have")
		}
	}
	if image, err = b.images.Lookup(s.Image.ID); err != nil {
		return nil, facts{}, image, err
	}
	argv = s.Argv
	if len(argv) == 0 {
		argv = image.Argv
	}
	if len(argv) == 0 {
		return bad("the image has no command of its own and none is given")
	}
	for _, w := range argv {
		if strings.ContainsRune(w, 0) {
			return bad("a word of the command that no process can have")
		}
	}
	s.Image.Digest = orElse(s.Image.Digest, image.Image.Digest)
	return argv, facts{
		Argc: len(argv), Image: s.Image.ID, Digest: s.Image.Digest,
		Workdir: orElse(s.Workdir, image.Workdir), User: orElse(s.User, image.User), TTY: s.TTY, Stdin: s.Stdin, Stay: s.Stay,
		Vars: variables(s.Env), Mounts: s.Mounts, Ports: s.Ports, Network: s.Network,
		Memory: s.Memory, CPUs: s.CPUs, Pids: s.Pids, Disk: s.Disk, Session: guest.Session,
	}, image, nil
}

// describe is the machine as it will be, and the call that makes it.
func (b *Backend) describe(s *backends.InstanceSpec, argv []string, f facts, archive string) (_ *machine, _ []string, err error) {
	if f.Guest, err = guest.Install(b.own("guest"), runtime.GOARCH); err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, nil, err
	}
	cpus, memory, disk := defaultCPUs, s.Memory, s.Disk
	if s.CPUs > 0 {
		cpus = int(s.CPUs)
	}
	if memory == 0 {
		memory = defaultMemory
	}
	if disk == 0 {
		disk = defaultStorage
	}
	mebibytes := units(memory, 1<<20)
	args := []string{"machine", "create", "--name", s.Name, "--image", archive,
		"--cpus", strconv.Itoa(cpus), "--mem", strconv.FormatInt(mebibytes, 10),
		"--storage", strconv.FormatInt(units(disk, 1<<30), 10), "--overlay", strconv.Itoa(overlayGiB),
		// The guest program begins as root and lays the user's rights down.
		"--user", "0:0", "--volume", f.Guest + ":" + guestDir + ":ro"}
	labels := s.Labels.Pairs(s.Slug)
	labels[labelFacts] = string(text)
	for name, value := range labels {
		args = append(args, "--label", name+"="+value)
	}
	for _, m := range s.Mounts {
		v := m.Source + ":" + m.Target
		if m.ReadOnly {
			v += ":ro"
		}
		args = append(args, "--volume", v)
	}
	for _, port := range s.Ports {
		args = append(args, "--port", fmt.Sprintf("%d:%d", port.HostPort, port.GuestPort))
	}
	if s.Network == networkFull {
		args = append(args, "--net", "--block-private")
	}
	for i, name := range f.Vars {
		args = append(args, "--secret-env", name+"="+envPrefix+strconv.Itoa(i))
	}
	cmd := guest.RunArgv(guestProgram, guest.RunOptions{
		TTY: s.TTY, Stdin: s.Stdin, User: f.User, Home: s.Home, Workdir: f.Workdir, KeepHome: slices.Contains(f.Vars, "HOME"),
		Pids: f.Pids, Stay: f.Stay,
	}, argv)
	return &machine{
		Name: s.Name, State: "created", CPUs: cpus, MemoryMB: mebibytes, Labels: labels, Cmd: cmd, Network: s.Network == networkFull,
	}, slices.Concat(args, []string{"--"}, cmd), nil
}

// units is a size in whole units, rounded up.
func units(bytes, unit int64) int64 {
	return int64(math.Ceil(float64(bytes) / float64(unit)))
}

// values is the environment that the variables of a machine are read from at
// its start.
func values(vars, env []string) ([]string, error) {
	var out []string
	for i, name := range vars {
		value, found := "", false
		for _, kv := range env {
			if k, v, _ := strings.Cut(kv, "="); k == name {
				value, found = v, true
			}
		}
		if !found {
			return nil, fmt.Errorf("%w: the value of %s is not given", backends.ErrBadRequest, name)
		}
		out = append(out, envPrefix+strconv.Itoa(i)+"="+value)
	}
	return out, nil
}

// blanks stand for the values where nobody needs them: smolvm refuses a
// command in a machine while one of its variables is unset here. The guest
// program takes the values from the main process.
func blanks(vars []string) []string {
	out := make([]string, len(vars))
	for i := range vars {
		out[i] = envPrefix + strconv.Itoa(i) + "="
	}
	return out
}
