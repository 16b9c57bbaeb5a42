package lifecycle

import (
	"net/netip"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// SessionEngine is the attach path of an instance whose terminal is the
// engine's own: of every one whose backend names no other, see
// [backends.Instance].
const SessionEngine = "engine"

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// instanceSpec translates the record into what a backend makes.
func (m *Manager) instanceSpec(c events.BottleCreated, l backends.Labels, img backends.Image, env []string) backends.InstanceSpec {
	s := backends.InstanceSpec{
		Name: c.InstanceName, Slug: c.Slug, Labels: l, Image: img,
		Argv: c.Argv, Env: env, Workdir: c.Workdir, User: orElse(c.Spec.User, c.Spec.DefaultUser),
		TTY: c.Spec.TTY, Stdin: c.Spec.Interactive, ReadOnly: c.Spec.ReadOnly, Stay: c.Spec.KeepRunning,
		CPUs: c.Spec.Limits.CPUs, Memory: c.Spec.Limits.Memory, Pids: c.Spec.Limits.Pids, Disk: c.Spec.Limits.Disk,
		Runtime: c.Spec.Runtime, Network: c.Spec.Network,
		Resource: func(backends.Leftover) error { return nil },
	}
	if c.Spec.User == "" && c.Spec.DefaultUser != "" {
		s.Home = "/tmp" // the owner of a host folder has no home in the image
	}
	switch w := c.Workspace; w.Mode {
	case workBind:
		s.Mounts = append(s.Mounts, backends.Mount{Source: w.Source, Target: w.Target, ReadOnly: w.ReadOnly})
	case workClone:
		s.Mounts = append(s.Mounts, backends.Mount{Source: w.Clone, Target: w.Target})
	}
	for _, mt := range c.Mounts {
		s.Mounts = append(s.Mounts, backends.Mount{Source: mt.Source, Target: mt.Target, ReadOnly: mt.ReadOnly})
	}
	for _, p := range c.Spec.Ports {
		s.Ports = append(s.Ports, backends.Port{HostIP: p.HostIP, HostPort: p.HostPort, GuestPort: p.GuestPort, Protocol: orElse(p.Protocol, "tcp")})
	}
	return s
}

// recorded is the creation event of a bottle as its later events left it:
// what a new instance is made from.
func recorded(b projections.Bottle) events.BottleCreated {
	c := events.BottleCreated{
		Source: b.Source, Slug: b.Slug, Agent: b.Agent, Backend: b.Backend, Endpoint: b.Endpoint,
		InstanceName: b.InstanceName, Spec: b.Spec,
	}
	if b.Private != nil {
		c.Private = *b.Private
	}
	return c
}

// refOf names a bottle's exact instance. An adopted or imported one carries
// the labels it was found with or none, so it is known by its id alone.
func (m *Manager) refOf(b projections.Bottle) backends.Ref {
	r := backends.Ref{Name: b.InstanceName, Labels: backends.Labels{Home: m.Log.HomeID(), Bottle: b.ID}}
	if i := b.Instance; i != nil {
		r.ID, r.Nonce, r.Generation = i.InstanceID, i.Nonce, i.Generation
		r.Foreign = b.Source != "start" && i.Generation == 1 && (b.OldHome != "" || b.OldBottle != "" || b.Imported != nil)
	}
	return r
}
