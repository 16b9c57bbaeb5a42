package cli

import (
	"context"
	"path/filepath"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// manager opens the log for writing, makes it if need be, and returns what
// carries out the verbs. conf may be nil for verbs that no config bears on.
func (c *call) manager(ctx context.Context, conf *config) (*lifecycle.Manager, error) {
	m, err := c.planner(conf)
	if err != nil {
		return nil, err
	}
	return m, c.openLog(ctx, m)
}

// openLog gives a manager its log.
func (c *call) openLog(ctx context.Context, m *lifecycle.Manager) error {
	w, err := c.writer(ctx, m.Home)
	if err != nil {
		return err
	}
	m.Log, m.Tables = w.log, w.tables
	return nil
}

// writer is the log, open for writing.
type writer struct {
	log    *events.Log
	tables *projections.Tables
}

// writer opens the log for writing, once a call, and makes it if need be.
func (c *call) writer(ctx context.Context, home string) (*writer, error) {
	if c.writing != nil {
		return c.writing, nil
	}
	if err := c.doneLooking(); err != nil {
		return nil, err
	}
	w := &writer{tables: projections.NewTables()}
	var err error
	w.log, err = events.Open(ctx, events.Options{Home: home, Projector: w.tables, Origin: c.origin(), Now: c.env.Now})
	if err != nil {
		return nil, err
	}
	c.later(w.log.Close)
	c.writing = w
	return w, nil
}

// planner is a manager without a log: it can plan, and has made nothing.
func (c *call) planner(conf *config) (*lifecycle.Manager, error) {
	home, err := c.homeFolder()
	if err != nil {
		return nil, err
	}
	m := &lifecycle.Manager{
		Backends: c.env.Backends, Home: withoutLinks(home),
		Now: c.env.Now, NewID: c.env.NewID, Nonce: c.env.Nonce, Getenv: c.env.Getenv,
		MachineID: machineID(), BootID: bootID(),
		EngineTimeout: time.Duration(c.EngineTimeout),
		Say:           c.progress.notice, At: c.env.At,
	}
	if conf != nil {
		m.ConfigBackend = conf.Backend
	}
	return m, nil
}

// withoutLinks resolves the links in the part of a path that exists.
func withoutLinks(path string) string {
	rest := ""
	for p := path; ; p = filepath.Dir(p) {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return filepath.Join(real, rest)
		}
		if p == filepath.Dir(p) {
			return path
		}
		rest = filepath.Join(filepath.Base(p), rest)
	}
}

// config reads the config files.
func (c *call) config() (*config, error) {
	home, err := c.homeFolder()
	if err != nil {
		return nil, err
	}
	conf, err := readConfig(c.env.SystemConfig, home)
	if err != nil {
		return nil, err
	}
	return &conf, nil
}
