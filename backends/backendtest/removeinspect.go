package backendtest

import (
	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var removePoints = []point{
	{"remove/stopped", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.must(r.b.Remove(r.ctx(), ref), "Remove")
		r.status(ref, backends.StatusGone)
		if id := r.h.Behind.ID(r.T, ref.Name); id != "" {
			r.Errorf("still there: %s", id)
		}
	}},
	{"remove/running_is_ended_hard", nil, func(r *rig) {
		ref := r.running(sh("trap '' TERM; while :; do sleep 0.1; done")...)
		r.prompt("Remove of what runs", func() { r.must(r.b.Remove(r.ctx(), ref), "Remove") })
		r.status(ref, backends.StatusGone)
	}},
	{"remove/gone_is_nil", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.must(r.b.Remove(r.ctx(), ref), "Remove")
		r.must(r.b.Remove(r.ctx(), ref), "Remove again")
		ref.Name += "-never-was"
		r.must(r.open().Remove(r.ctx(), ref), "Remove of nothing")
	}},
	{"remove/stranger_is_left_alone", nil, func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		ref := r.create(r.spec(idle()...))
		r.h.Behind.Delete(r.T, ref.Name)
		r.untouched(ref, r.h.Behind.Make(r.T, ref.Name, nil))
	}},
	{"remove/another_home_is_left_alone", nil, func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		ref := r.create(s)
		r.h.Behind.Delete(r.T, ref.Name)
		l := s.Labels
		l.Home = "home-of-a-colleague"
		r.untouched(ref, r.h.Behind.Make(r.T, ref.Name, l.Pairs(s.Slug)))
	}},
	{"remove/replacement_is_left_alone", need(IDs), func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		ref := r.create(s)
		r.h.Behind.Delete(r.T, ref.Name)
		r.untouched(ref, r.h.Behind.Make(r.T, ref.Name, s.Labels.Pairs(s.Slug)))
	}},
	{"remove/an_id_with_other_labels_is_left_alone", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		wrong := ref
		wrong.Home = "home-of-a-colleague"
		r.must(r.b.Remove(r.ctx(), wrong), "Remove by a home that does not own it")
		r.status(ref, backends.StatusCreated)
	}},
	{"remove/the_name_is_free_again", nil, func(r *rig) {
		s := r.spec(idle()...)
		ref := r.create(s)
		r.must(r.b.Remove(r.ctx(), ref), "Remove")
		s.Labels.Generation, s.Labels.Nonce = 2, "nonce-"+token()
		next := r.create(s)
		r.status(next, backends.StatusCreated)
		if o := r.inspect(ref); o.Status != backends.StatusReplaced {
			r.Errorf("the first generation is %s, want replaced", o.Status)
		}
	}},
}

// untouched removes ref, whose place somebody else has, and checks that he
// still has it.
func (r *rig) untouched(ref backends.Ref, id string) {
	r.Helper()
	r.must(r.b.Remove(r.ctx(), ref), "Remove of what is gone already")
	if now := r.h.Behind.ID(r.T, ref.Name); now != id {
		r.Errorf("the other instance was %q and is now %q", id, now)
	}
}

var inspectPoints = []point{
	{"inspect/missing_is_gone", nil, func(r *rig) {
		s := r.spec(idle()...)
		o := r.status(backends.Ref{Name: s.Name, ID: "0123456789abcdef", Labels: s.Labels}, backends.StatusGone)
		if o.ID != "" {
			r.Errorf("what is gone has the id %q", o.ID)
		}
	}},
	{"inspect/deleted_behind_our_back_is_gone", nil, func(r *rig) {
		ref := r.running(idle()...)
		r.h.Behind.Delete(r.T, ref.Name)
		r.status(ref, backends.StatusGone)
	}},
	{"inspect/stopped_behind_our_back_is_stopped", nil, func(r *rig) {
		r.hook(r.h.Behind.Stop != nil && r.h.Behind.Start != nil, "Stop and Start")
		ref := r.running(idle()...)
		r.h.Behind.Stop(r.T, ref.Name)
		r.code(r.status(ref, backends.StatusStopped), 137)
		r.h.Behind.Start(r.T, ref.Name)
		r.status(ref, backends.StatusRunning)
	}},
	{"inspect/other_id_is_replaced", need(IDs), func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		ref := r.create(s)
		r.h.Behind.Delete(r.T, ref.Name)
		r.h.Behind.Make(r.T, ref.Name, s.Labels.Pairs(s.Slug))
		r.replaced(ref)
	}},
	{"inspect/a_stranger_in_its_place_is_replaced", nil, func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		ref := r.create(r.spec(idle()...))
		r.h.Behind.Delete(r.T, ref.Name)
		r.h.Behind.Make(r.T, ref.Name, nil)
		r.replaced(ref)
	}},
	{"inspect/another_nonce_in_its_place_is_replaced", nil, func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		ref := r.create(s)
		r.h.Behind.Delete(r.T, ref.Name)
		l := s.Labels
		l.Nonce = "another-nonce"
		r.h.Behind.Make(r.T, ref.Name, l.Pairs(s.Slug))
		r.replaced(ref)
	}},
	{"inspect/paused", nil, func(r *rig) {
		r.hook(r.h.Behind.Pause != nil && r.h.Behind.Unpause != nil, "Pause and Unpause")
		ref := r.running(idle()...)
		r.h.Behind.Pause(r.T, ref.Name)
		r.status(ref, backends.StatusPaused)
		r.h.Behind.Unpause(r.T, ref.Name)
		r.status(ref, backends.StatusRunning)
	}},
	{"inspect/renamed_is_found_by_its_id", need(IDs), func(r *rig) {
		r.hook(r.h.Behind.Rename != nil, "Rename")
		ref := r.create(r.spec(idle()...))
		to := ref.Name + "-renamed"
		r.Cleanup(func() { r.h.Behind.Delete(r.T, to) })
		r.h.Behind.Rename(r.T, ref.Name, to)
		if o := r.status(ref, backends.StatusCreated); o.Name != to {
			r.Errorf("it is called %q now, Inspect says %q", to, o.Name)
		}
	}},
	{"inspect/says_whose_it_is", nil, func(r *rig) {
		s := r.spec(idle()...)
		o := r.status(r.create(s), backends.StatusCreated)
		if o.Labels != s.Labels || o.Slug != s.Slug || o.Name != s.Name {
			r.Errorf("made as %+v %q %q, seen as %+v %q %q", s.Labels, s.Slug, s.Name, o.Labels, o.Slug, o.Name)
		}
		if o.ImageID != s.Image.ID {
			r.Errorf("made from %q, seen as %q", s.Image.ID, o.ImageID)
		}
	}},
	{"inspect/foreign_is_accepted_by_id_alone", need(IDs), func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		id := r.h.Behind.Make(r.T, s.Name, nil)
		ref := backends.Ref{Name: s.Name, ID: id, Labels: s.Labels}
		r.replaced(ref)
		ref.Foreign = true
		if o := r.inspect(ref); o.ID != id {
			r.Errorf("an adopted instance is %s with id %q, want %q", o.Status, o.ID, id)
		}
		ref.ID = "0123456789abcdef"
		r.replaced(ref)
	}},
}

// replaced checks what is said of a place that somebody else has, and that
// no verb takes him for ours.
func (r *rig) replaced(ref backends.Ref) {
	r.Helper()
	r.status(ref, backends.StatusReplaced)
	r.is(r.b.Start(r.ctx(), ref, nil), backends.ErrNotOurs, "Start of a stranger")
	r.is(r.b.Stop(r.ctx(), ref, 0), backends.ErrNotOurs, "Stop of a stranger")
	_, err := r.b.Exec(r.ctx(), ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
	r.is(err, backends.ErrNotOurs, "Exec in a stranger")
	_, err = r.b.Stat(r.ctx(), ref, "/")
	r.is(err, backends.ErrNotOurs, "Stat in a stranger")
	r.is(r.b.Logs(r.ctx(), ref, backends.LogOptions{Tail: -1}, nil, nil), backends.ErrNotOurs, "Logs of a stranger")
}
