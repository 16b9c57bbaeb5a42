package smolmachines

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// Inspect says what there is of an instance.
func (b *Backend) Inspect(ctx context.Context, ref backends.Ref) (backends.Observation, error) {
	p, err := b.program(ctx)
	if err != nil {
		return backends.Observation{}, err
	}
	m, err := b.look(ctx, p, ref.Name)
	if err != nil {
		return backends.Observation{}, err
	}
	return b.seen(ctx, p, m, ref), nil
}

func (b *Backend) seen(ctx context.Context, p program, m *machine, ref backends.Ref) backends.Observation {
	switch {
	case m == nil:
		return backends.Observation{Name: ref.Name, Labels: ref.Labels, Status: backends.StatusGone}
	case !m.is(ref):
		o := b.observe(m)
		o.Status, o.Lingers, o.ExitCode = backends.StatusReplaced, false, nil
		return o
	}
	o := b.observe(m)
	if m.State == "unreachable" && b.answersOnce(ctx, p, m) {
		m.State = "running" // the word sticks to a machine that was slow once
		o = b.observe(m)
	}
	return o
}

// Find looks an instance up by its name and nonce.
func (b *Backend) Find(ctx context.Context, want backends.Labels, name string) (backends.Observation, error) {
	gone := backends.Observation{Name: name, Labels: want, Status: backends.StatusGone}
	p, err := b.program(ctx)
	if err != nil {
		return gone, err
	}
	m, err := b.look(ctx, p, name)
	if m == nil || err != nil || m.owner() != want {
		return gone, err
	}
	return b.observe(m), nil
}

// List returns the machines of a home, in one call.
func (b *Backend) List(ctx context.Context, home string) ([]backends.Observation, error) {
	all, err := b.machines(ctx)
	if err != nil {
		return nil, err
	}
	var out []backends.Observation
	for i := range all {
		if owner := all[i].owner().Home; owner != "" && (home == "" || owner == home) {
			out = append(out, b.observe(&all[i]))
		}
	}
	return out, nil
}

// Sizes counts the blocks that the disks of each machine take on the host.
func (b *Backend) Sizes(ctx context.Context, home string) (map[string]int64, error) {
	all, err := b.List(ctx, home)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, o := range all {
		var sum int64
		err := filepath.WalkDir(b.machineDir(o.Name), func(_ string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it went meanwhile
			}
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			if st, err := d.Info(); err == nil && st.Mode().IsRegular() {
				if sys, ok := st.Sys().(*syscall.Stat_t); ok {
					sum += sys.Blocks * 512 // of stat(2), whatever the file system
				}
			}
			return nil
		})
		if err != nil {
			return nil, b.fail(ctx, "size of "+o.Name, err)
		}
		sizes[o.ID] = sum
	}
	return sizes, nil
}

const (
	// waitEvery is how soon Wait looks at the record of a main process and
	// at the process of its machine, which costs no call.
	waitEvery = 50 * time.Millisecond
	// askEvery is how soon it asks smolvm when neither has changed.
	askEvery = 10 * time.Second
)

// Wait blocks until the main process does not run.
func (b *Backend) Wait(ctx context.Context, ref backends.Ref) (backends.Observation, error) {
	for {
		size := b.logSize(ref.Name) // before: what is written while we ask counts
		o, err := b.Inspect(ctx, ref)
		if err != nil || o.Status != backends.StatusRunning && o.Status != backends.StatusPaused && o.Status != backends.StatusUnresponsive {
			return o, err
		}
		if err := b.change(ctx, ref.Name, size); err != nil {
			return o, b.fail(ctx, "wait for "+ref.Name, err)
		}
	}
}

// change waits until something about a machine has changed, or for a while.
// Its record had that size when all was as it was.
func (b *Backend) change(ctx context.Context, name string, size int64) error {
	boots := b.boots(name)
	vms := processes(boots)
	for end := time.Now().Add(askEvery); time.Now().Before(end); {
		if !pause(ctx, waitEvery) {
			return ctx.Err()
		}
		for _, pid := range vms {
			if !boots(pid, words(pid, "cmdline")) {
				return nil
			}
		}
		if now := b.logSize(name); now != size || len(vms) == 0 {
			if run, known := b.lastRun(name); known && !run.Ended.IsZero() || len(vms) == 0 {
				return nil
			}
			size = now
		}
	}
	return nil
}

const (
	// probeTries and probeEvery: how often a machine that is said not to
	// answer is asked again before anything is done to it. Eight sessions at
	// once, or a host out of breath, are enough to be silent for a while.
	probeTries = 4
	probeEvery = 2 * time.Second
	probeTime  = 5 * time.Second
)

// answers asks a machine that is said not to answer, for some seconds.
func (b *Backend) answers(ctx context.Context, p program, m *machine) bool {
	for try := range probeTries {
		if try > 0 && !pause(ctx, probeEvery) {
			return false
		}
		if b.answersOnce(ctx, p, m) {
			return true
		}
	}
	return false
}

func (b *Backend) answersOnce(ctx context.Context, p program, m *machine) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c, err := b.dial(ctx, p, m, guest.ServeArgv(guestProgram))
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = guest.Stat(ctx, c, "/")
	return err == nil
}
