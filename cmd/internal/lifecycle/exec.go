package lifecycle

import (
	"context"
	"errors"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Exec runs one more command in a running bottle and returns its exit code.
// It claims nothing: any number may run side by side.
func (m *Manager) Exec(ctx context.Context, id string, r ExecRequest) (int, error) {
	if len(r.Argv) == 0 {
		return 0, usage("exec: name a command to run")
	}
	b, be, err := m.use(ctx, id, projections.Exec)
	if err != nil {
		return 0, err
	}
	defer be.Close()
	_, env, err := m.gatherEnv("", r.Env, nil, nil)
	if err != nil {
		return 0, err
	}
	started := &events.ExecStarted{Argc: len(r.Argv), User: r.User, TTY: r.TTY, ExecPrivate: events.ExecPrivate{Argv0: r.Argv[0]}}
	version, err := m.note(ctx, id, started)
	if err != nil {
		return 0, about(b.Slug, b.Backend, err)
	}
	m.At("exec:exec")
	cmd := backends.Command{
		Argv: r.Argv, Env: env, User: orElse(r.User, orElse(b.Spec.User, b.Spec.DefaultUser)), Workdir: r.Workdir,
		TTY: r.TTY, Stdin: r.Stdin, Detach: r.Detach, Size: r.Size,
	}
	if r.Workdir == "" && b.Private != nil {
		cmd.Workdir = b.Private.Workdir
	}
	code, err := be.Exec(ctx, m.refOf(b), cmd, r.Streams)
	ended := &events.ExecEnded{Started: version}
	if err == nil {
		ended.ExitCode = &code
	}
	if r.Detach && err == nil {
		return 0, nil // nobody will know how it ends
	}
	if _, nerr := m.note(ctx, id, ended); nerr != nil {
		err = errors.Join(err, nerr)
	}
	return code, about(b.Slug, b.Backend, err)
}

// use prepares something that needs the instance but claims nothing. A log
// that forbids it is believed only after the engine was asked.
func (m *Manager) use(ctx context.Context, id string, a projections.Action) (projections.Bottle, backends.Backend, error) {
	b, err := m.load(ctx, id)
	if err != nil {
		return b, nil, err
	}
	be, err := m.Backends.Open(b.Backend, b.Endpoint)
	if err != nil {
		return b, nil, about(b.Slug, b.Backend, err)
	}
	if b, err = m.agreed(ctx, be, b); err == nil {
		_, err = b.Can(a)
	}
	if err != nil {
		be.Close()
		return b, nil, about(b.Slug, b.Backend, err)
	}
	return b, be, nil
}

// agreed returns the bottle as the engine and the log agree on it. Only when
// they do not is the bottle taken and the log brought in line.
func (m *Manager) agreed(ctx context.Context, be backends.Backend, b projections.Bottle) (projections.Bottle, error) {
	if b.Instance == nil || b.State == projections.Removed {
		return b, nil
	}
	o, err := m.inspect(ctx, be, b)
	if err != nil {
		return b, err
	}
	if len(verdict(b, o, m.rebooted(b))) == 0 || b.Pending != nil && o.Status == backends.StatusRunning {
		return b, nil
	}
	h, err := m.own(ctx, b.ID, true)
	if err != nil {
		return b, err
	}
	defer h.release()
	return h.b, nil
}

// note appends something that is no action to a bottle's stream, whatever
// version it has by now.
func (m *Manager) note(ctx context.Context, id string, p events.Payload) (version int64, err error) {
	h := &hold{m: m}
	h.b.ID = id
	err = h.record(ctx, p)
	return h.b.Version, err
}
