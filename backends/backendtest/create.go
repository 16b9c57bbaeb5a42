package backendtest

import (
	"errors"
	"path/filepath"
	"slices"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var createPoints = []point{
	{"create/does_not_run", nil, func(r *rig) {
		s := r.spec(idle()...)
		inst, err := r.b.Create(r.ctx(), s)
		r.must(err, "Create")
		if inst.ID == "" || inst.Version == "" {
			r.Errorf("an instance without id or version: %+v", inst)
		}
		e, err := r.b.Probe(r.ctx())
		r.must(err, "Probe")
		if inst.EngineID != e.ID {
			r.Errorf("made by engine %q, but the engine is %q", inst.EngineID, e.ID)
		}
		o := r.status(backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}, backends.StatusCreated)
		if o.ExitCode != nil || !o.StartedAt.IsZero() || !o.EndedAt.IsZero() {
			r.Errorf("it never ran, but: %+v", o)
		}
		if again, err := r.open().Create(r.ctx(), s); err != nil || inst.Session != o.Session || inst.Session != again.Session {
			r.Errorf("attached to by %q, seen by %q, again by %q, %v", inst.Session, o.Session, again.Session, err)
		}
	}},
	{"create/again_is_the_same", nil, func(r *rig) {
		s := r.spec(idle()...)
		ref := r.create(s)
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		again, err := r.open().Create(r.ctx(), s)
		r.must(err, "Create again")
		if again.ID != ref.ID {
			r.Errorf("created %q, and again %q", ref.ID, again.ID)
		}
		r.status(ref, backends.StatusRunning)
	}},
	{"create/namesake_without_labels_is_not_ours", nil, func(r *rig) { r.namesake(nil) }},
	{"create/namesake_with_foreign_labels_is_not_ours", nil, func(r *rig) {
		r.namesake(map[string]string{"com.example.owner": "somebody"})
	}},
	{"create/namesake_of_another_home_is_not_ours", nil, func(r *rig) {
		r.namesakeWith(func(l *backends.Labels) { l.Home = "home-of-a-colleague" })
	}},
	{"create/namesake_of_another_bottle_is_not_ours", nil, func(r *rig) {
		r.namesakeWith(func(l *backends.Labels) { l.Bottle = "another-bottle" })
	}},
	{"create/namesake_of_another_generation_is_not_ours", nil, func(r *rig) {
		r.namesakeWith(func(l *backends.Labels) { l.Generation = 2 })
	}},
	{"create/namesake_of_another_claim_is_not_ours", nil, func(r *rig) {
		r.namesakeWith(func(l *backends.Labels) { l.Nonce = "another-nonce" })
	}},
	{"create/missing_image_is_not_found", nil, func(r *rig) {
		s := r.spec(idle()...)
		s.Image.ID = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
		_, err := r.b.Create(r.ctx(), s)
		r.is(err, backends.ErrImageNotFound, "Create")
		r.nothing(s)
	}},
	{"create/missing_mount_source_is_refused", need(Mounts, MountSources), func(r *rig) {
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: filepath.Join(r.TempDir(), "none"), Target: "/mnt/x"}}
		_, err := r.b.Create(r.ctx(), s)
		r.is(err, backends.ErrBadRequest, "Create")
		r.nothing(s)
	}},
	{"create/resources_are_announced_first", need(Resources), func(r *rig) {
		s := r.full()
		var said []backends.Leftover
		s.Resource = func(l backends.Leftover) error {
			there, err := r.open().Leftovers(r.ctx(), s.Labels.Home)
			if err != nil || slices.Contains(there, l) {
				r.Errorf("%v is announced when it is already there (%v)", l, err)
			}
			said = append(said, l)
			return nil
		}
		r.create(s)
		there, err := r.b.Leftovers(r.ctx(), s.Labels.Home)
		r.must(err, "Leftovers")
		if len(said) == 0 {
			r.Error("nothing was announced")
		}
		for _, l := range there {
			if !slices.Contains(said, l) {
				r.Errorf("%v was made and not announced: %v", l, said)
			}
		}
	}},
	{"create/resource_refused_leaves_nothing", need(Resources), func(r *rig) {
		s := r.full()
		refusal := errors.New("the log is full")
		s.Resource = func(backends.Leftover) error { return refusal }
		_, err := r.b.Create(r.ctx(), s)
		r.is(err, refusal, "Create")
		r.nothing(s)
		left, err := r.b.Leftovers(r.ctx(), s.Labels.Home)
		r.must(err, "Leftovers")
		if len(left) > 0 {
			r.Errorf("left behind: %v", left)
		}
	}},
	{"create/the_image_runs_by_itself", nil, func(r *rig) {
		if !r.image.Runs {
			r.Skip("the harness's image has no command of its own")
		}
		ref := r.create(r.spec())
		r.must(r.b.Start(r.ctx(), ref, nil), "Start of an image's own command")
	}},
	{"create/nothing_to_run_is_refused", nil, func(r *rig) {
		if r.h.NoEntry == "" {
			r.Skip("the harness has no image without a command")
		}
		img, err := r.b.ResolveImage(r.ctx(), r.h.NoEntry, backends.PullNever, func(backends.Progress) {})
		r.must(err, "ResolveImage")
		s := r.spec()
		s.Image = img
		_, err = r.b.Create(r.ctx(), s)
		r.is(err, backends.ErrBadRequest, "Create without anything to run")
		r.nothing(s)
	}},
}

// namesake makes a stranger under a name and checks that Create refuses to
// take it for ours and leaves it as it is.
func (r *rig) namesake(labels map[string]string) {
	r.Helper()
	r.hook(r.h.Behind.Make != nil, "Make")
	s := r.spec(idle()...)
	r.stranger(s, labels)
}

func (r *rig) namesakeWith(change func(*backends.Labels)) {
	r.Helper()
	r.hook(r.h.Behind.Make != nil, "Make")
	s := r.spec(idle()...)
	l := s.Labels
	change(&l)
	r.stranger(s, l.Pairs(s.Slug))
}

func (r *rig) stranger(s backends.InstanceSpec, labels map[string]string) {
	r.Helper()
	id := r.h.Behind.Make(r.T, s.Name, labels)
	_, err := r.b.Create(r.ctx(), s)
	r.is(err, backends.ErrNotOurs, "Create over a stranger")
	if now := r.h.Behind.ID(r.T, s.Name); now != id {
		r.Errorf("the stranger was %q and is now %q", id, now)
	}
}

// nothing checks that the engine has nothing under the name.
func (r *rig) nothing(s backends.InstanceSpec) {
	r.Helper()
	o, err := r.b.Find(r.ctx(), s.Labels, s.Name)
	r.must(err, "Find")
	if o.Status != backends.StatusGone {
		r.Errorf("Find says %s of what was never made", o.Status)
	}
	if id := r.h.Behind.ID(r.T, s.Name); id != "" {
		r.Errorf("left behind: %s", id)
	}
}

// full describes an instance with a network, of a home of its own. What that
// home owns is released when the test ends.
func (r *rig) full() backends.InstanceSpec {
	home := "home-" + token()
	b := r.open()
	r.Cleanup(func() { // before spec registers its own: runs after it
		left, err := b.Leftovers(r.late(), home)
		if err != nil {
			r.Errorf("Leftovers: %v", err)
		}
		for _, l := range left {
			if err := b.Release(r.late(), home, l); err != nil {
				r.Errorf("Release: %v", err)
			}
		}
	})
	s := r.spec(idle()...)
	s.Network, s.Labels.Home = "full", home
	return s
}
