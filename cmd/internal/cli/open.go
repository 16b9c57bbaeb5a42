package cli

import (
	"context"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// manager opens the log for writing, makes it if need be, and returns what
// carries out the verbs. conf may be nil for verbs that no config bears on.
func (c *call) manager(ctx context.Context, conf *config) (*lifecycle.Manager, error) {
	home, err := c.homeFolder()
	if err != nil {
		return nil, err
	}
	tables := projections.NewTables()
	origin := c.origin()
	l, err := events.Open(ctx, events.Options{Home: home, Projector: tables, Origin: origin, Now: c.env.Now})
	if err != nil {
		return nil, err
	}
	c.later(l.Close)
	m := &lifecycle.Manager{
		Log: l, Tables: tables, Backends: c.env.Backends, Home: home,
		Now: c.env.Now, NewID: c.env.NewID, Nonce: c.env.Nonce, Getenv: c.env.Getenv,
		MachineID: origin.MachineID, BootID: origin.BootID,
		EngineTimeout: time.Duration(c.EngineTimeout),
		Say:           c.progress.notice, At: c.env.At,
	}
	if conf != nil {
		m.ConfigBackend = conf.Backend
	}
	return m, nil
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
