package fake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// version is what the engine says it is.
const version = "1.0"

// backend is one process's view of an engine.
type backend struct {
	kind, endpoint string
	machine        bool // see MachineKind
	*Engine
}

// around is what every method has in common: a call that is over before it
// begins does nothing, a dead engine answers nothing, and faults strike
// before and after the effect.
func (b *backend) around(ctx context.Context, method, instance string, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.answers(); err != nil {
		return err
	}
	err := b.at(ctx, method+":before", instance)
	if err == nil {
		err = effect()
	}
	if err == nil {
		err = b.at(ctx, method+":after", instance)
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w", b.kind, method, instance, err)
	}
	return nil
}

func (b *backend) answers() error {
	if st, err := os.Stat(b.dir); err != nil || !st.IsDir() {
		return &backends.Unavailable{Backend: b.kind, Endpoint: b.endpoint, Why: "there is no engine", Err: err, Hint: "make the folder"}
	}
	f, err := b.plan()
	if err != nil {
		return err
	}
	if f.Unreachable != "" {
		return b.unavailable(f.Unreachable)
	}
	return nil
}

func (b *backend) Close() error { return nil }

func (b *backend) Probe(ctx context.Context) (en backends.Engine, err error) {
	err = b.around(ctx, "probe", "", func() error {
		id, err := b.whoAmI(ctx)
		en = backends.Engine{ID: id, Version: version, API: "1", Name: "Fake Engine", Missing: []backends.Gap{
			{ID: "limits", Detail: "limits of CPU, memory, processes and disk are recorded, not enforced", Fix: "none: the fake is for tests"},
			{ID: "ports", Detail: "published ports are recorded, not opened", Fix: "none: the fake is for tests"},
		}}
		return err
	})
	return en, err
}

func (b *backend) whoAmI(ctx context.Context) (string, error) {
	f, err := b.plan()
	if err != nil || f.EngineID != "" {
		return f.EngineID, err
	}
	return b.id(ctx)
}

// look finds the very instance that a reference means. Otherwise the status
// says whether its place is empty or taken, and by whom.
func (b *backend) look(ref backends.Ref) (*record, backends.Status, error) {
	r, err := b.load(ref.ID)
	if err != nil {
		return nil, "", err
	}
	if r != nil && (ref.Foreign || r.owner() == ref.Labels) {
		return r, "", nil
	}
	if r == nil {
		if r, err = b.named(ref.Name); err != nil {
			return nil, "", err
		}
	}
	if r == nil {
		return nil, backends.StatusGone, nil
	}
	return r, backends.StatusReplaced, nil
}

// must is look for what needs the instance.
func (b *backend) must(ref backends.Ref) (*record, error) {
	r, status, err := b.look(ref)
	switch {
	case err != nil:
		return nil, err
	case status == backends.StatusGone:
		return nil, backends.ErrNotFound
	case status == backends.StatusReplaced:
		return nil, backends.ErrNotOurs
	}
	return r, nil
}

func (b *backend) Inspect(ctx context.Context, ref backends.Ref) (o backends.Observation, err error) {
	err = b.around(ctx, "inspect", ref.Name, func() error {
		o, err = b.observe(ref)
		return err
	})
	return o, err
}

func (b *backend) observe(ref backends.Ref) (backends.Observation, error) {
	r, status, err := b.look(ref)
	if err != nil || status == backends.StatusGone {
		return backends.Observation{Name: ref.Name, Status: status}, err
	}
	o, err := b.see(r)
	if status != "" && err == nil && o.Status != backends.StatusGone {
		o.Status = status
	}
	return o, err
}

// see says what the engine knows of an instance.
func (b *backend) see(r *record) (backends.Observation, error) {
	s := r.Spec
	o := backends.Observation{
		Name: r.Name, ID: r.ID, Labels: r.owner(), Slug: r.Labels[backends.LabelSlug], Status: backends.StatusCreated,
		TTY: s.TTY, ImageID: s.Image.ID, Image: s.Image.ID, Argv: s.Argv, Workdir: s.Workdir, User: s.User,
		Mounts: s.Mounts, Network: s.Network, CPUs: s.CPUs, Memory: s.Memory, Pids: s.Pids, Runtime: s.Runtime,
		Session: r.session(),
		Ports:   s.Ports, StartedAt: r.Started,
		Enforced: map[string]string{"network": s.Network, "limits": "recorded only", "ports": "recorded only"},
	}
	runs, err := b.runs(r.ID)
	if err != nil {
		return o, err
	}
	if _, err := os.Lstat(b.instance(r.ID, "instance.json")); errors.Is(err, fs.ErrNotExist) {
		return backends.Observation{Name: r.Name, Status: backends.StatusGone}, nil // it went meanwhile
	}
	switch _, err := os.Stat(b.instance(r.ID, "paused")); {
	case r.Run == 0:
		return o, nil
	case runs && err == nil:
		o.Status = backends.StatusPaused
		return o, nil
	case runs:
		o.Status = backends.StatusRunning
		return o, nil
	}
	end := exit{Code: 137} // a supervisor that left no word was killed
	if err := readJSON(b.instance(r.ID, "exit.json"), &end); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o, err
	}
	if end.Run != r.Run {
		end = exit{Run: r.Run, Code: 137}
	}
	_, powered := os.Stat(b.instance(r.ID, "powered"))
	o.Lingers = powered == nil
	o.Status, o.ExitCode, o.EndedAt, o.Detail = backends.StatusStopped, &end.Code, end.Ended, end.Detail
	if end.Failed && r.Run == 1 {
		o.Status, o.StartedAt = backends.StatusCreated, end.Ended
	}
	return o, nil
}

const kindNetwork = "network"

func networkName(home string) string { return "bot-bottle-" + home }

func (b *backend) Leftovers(ctx context.Context, home string) (out []backends.Leftover, err error) {
	err = b.around(ctx, "leftovers", "", func() error {
		if !nameForm.MatchString(home) {
			return fmt.Errorf("%w: home %q", backends.ErrBadRequest, home)
		}
		_, err := os.Stat(b.path("networks", home))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		out = []backends.Leftover{{Kind: kindNetwork, Ref: networkName(home)}}
		return err
	})
	return out, err
}

// network makes the home's network when it is not there, after announcing it.
func (b *backend) network(ctx context.Context, s backends.InstanceSpec) error {
	file := b.path("networks", s.Labels.Home)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.Resource(backends.Leftover{Kind: kindNetwork, Ref: networkName(s.Labels.Home)}); err != nil {
		return err
	}
	if err := b.at(ctx, "create:announced", s.Name); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	return b.at(ctx, "create:resource", s.Name)
}

func (b *backend) Release(ctx context.Context, home string, l backends.Leftover) error {
	return b.around(ctx, "release", "", func() error {
		if l.Kind != kindNetwork || !nameForm.MatchString(home) || l.Ref != networkName(home) {
			return fmt.Errorf("%w: %s %s of home %s", backends.ErrNotOurs, l.Kind, l.Ref, home)
		}
		unlock, err := lock(ctx, b.path("lock"))
		if err != nil {
			return err
		}
		defer unlock()
		all, err := b.all()
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.owner().Home == home && r.Spec.Network == "full" {
				return fmt.Errorf("%w: %s by %s", backends.ErrInUse, l.Ref, r.Name)
			}
		}
		if err := os.Remove(b.path("networks", home)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}
