package backendtest

import (
	"slices"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var findPoints = []point{
	{"find/by_name_and_nonce", nil, func(r *rig) {
		s := r.spec(idle()...)
		ref := r.create(s)
		o, err := r.open().Find(r.ctx(), s.Labels, s.Name)
		r.must(err, "Find")
		if o.Status != backends.StatusCreated || o.ID != ref.ID || o.Labels != s.Labels {
			r.Errorf("Find says %+v, want %s", o, ref.ID)
		}
	}},
	{"find/another_nonce_is_gone", nil, func(r *rig) {
		s := r.spec(idle()...)
		r.create(s)
		s.Labels.Nonce = "another-nonce"
		r.notFound(s)
	}},
	{"find/another_home_is_gone", nil, func(r *rig) {
		s := r.spec(idle()...)
		r.create(s)
		s.Labels.Home = "home-of-a-colleague"
		r.notFound(s)
	}},
	{"find/a_stranger_is_gone", nil, func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		r.h.Behind.Make(r.T, s.Name, nil)
		r.notFound(s)
	}},
	{"find/nothing_is_gone", nil, func(r *rig) { r.notFound(r.spec(idle()...)) }},
}

func (r *rig) notFound(s backends.InstanceSpec) {
	r.Helper()
	o, err := r.b.Find(r.ctx(), s.Labels, s.Name)
	r.must(err, "Find")
	if o.Status != backends.StatusGone || o.ID != "" {
		r.Errorf("Find says %s %q, want gone", o.Status, o.ID)
	}
}

var listPoints = []point{
	{"list/only_our_home", nil, func(r *rig) {
		mine, theirs := r.spec(idle()...), r.spec(idle()...)
		mine.Labels.Home, theirs.Labels.Home = "home-"+token(), "home-"+token()
		a, b := r.create(mine), r.create(theirs)
		r.listed(mine.Labels.Home, []string{a.ID}, nil)
		r.listed(theirs.Labels.Home, []string{b.ID}, nil)
	}},
	{"list/sizes_of_only_our_home", nil, func(r *rig) {
		mine, theirs := r.spec(idle()...), r.spec(idle()...)
		mine.Labels.Home, theirs.Labels.Home = "home-"+token(), "home-"+token()
		a, b := r.runningSpec(mine), r.create(theirs)
		const written = 300 << 10
		script := "dd if=/dev/zero of=/big bs=1024 count=300"
		if code, _, err := r.exec(a, backends.Command{Argv: sh(script)}, ""); code != 0 {
			r.Fatalf("dd: %d, %s", code, err)
		}
		sizes, err := r.b.Sizes(r.ctx(), mine.Labels.Home)
		r.must(err, "Sizes")
		if sizes[a.ID] < written {
			r.Errorf("%d bytes written, Sizes says %d", written, sizes[a.ID])
		}
		if _, told := sizes[b.ID]; told {
			r.Errorf("an instance of another home is told of")
		}
	}},
	{"list/any_home", nil, func(r *rig) {
		mine, theirs := r.spec(idle()...), r.spec(idle()...)
		theirs.Labels.Home = "home-" + token()
		a, b := r.create(mine), r.create(theirs)
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec()
		stranger := r.h.Behind.Make(r.T, s.Name, map[string]string{"com.example.owner": "somebody"})
		r.listed("", []string{a.ID, b.ID}, []string{stranger})
	}},
	{"list/stopped_and_running_alike", nil, func(r *rig) {
		home := "home-" + token()
		var refs []backends.Ref
		for range 3 {
			s := r.spec(idle()...)
			s.Labels.Home = home
			refs = append(refs, r.create(s))
		}
		r.must(r.b.Start(r.ctx(), refs[1], nil), "Start")
		r.must(r.b.Start(r.ctx(), refs[2], nil), "Start")
		r.must(r.b.Stop(r.ctx(), refs[2], 0), "Stop")
		want := []backends.Status{backends.StatusCreated, backends.StatusRunning, backends.StatusStopped}
		all := r.listed(home, []string{refs[0].ID, refs[1].ID, refs[2].ID}, nil)
		if len(all) != 3 {
			r.Errorf("%d instances are listed, want 3", len(all))
		}
		for i, ref := range refs {
			o := all[slices.IndexFunc(all, func(o backends.Observation) bool { return o.ID == ref.ID })]
			if o.Status != want[i] || o.Labels != ref.Labels || o.Name != ref.Name {
				r.Errorf("listed as %s %q %+v, want %s %q %+v", o.Status, o.Name, o.Labels, want[i], ref.Name, ref.Labels)
			}
		}
	}},
	{"list/nothing_is_empty", nil, func(r *rig) {
		all, err := r.b.List(r.ctx(), "home-"+token())
		r.must(err, "List")
		if len(all) != 0 {
			r.Errorf("a new home has %v", all)
		}
	}},
	{"list/a_bad_label_spoils_only_its_row", nil, func(r *rig) {
		r.hook(r.h.Behind.Make != nil, "Make")
		s := r.spec(idle()...)
		s.Labels.Home = "home-" + token()
		ref := r.create(s)
		bad := r.spec()
		labels := bad.Labels.Pairs(bad.Slug)
		labels[backends.LabelHome], labels[backends.LabelGeneration] = s.Labels.Home, "not a number"
		r.h.Behind.Make(r.T, bad.Name, labels)
		r.listed(s.Labels.Home, []string{ref.ID}, nil)
	}},
	{"list/survives_instances_that_come_and_go", nil, func(r *rig) {
		home := "home-" + token()
		keep := r.spec(idle()...)
		keep.Labels.Home = home
		ref := r.create(keep)
		done := make(chan struct{})
		s := r.spec(idle()...)
		s.Labels.Home = home
		b, ctx := r.open(), r.ctx()
		go func() {
			defer close(done)
			for range 5 {
				inst, err := b.Create(ctx, s)
				if err == nil {
					err = b.Remove(ctx, backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels})
				}
				if err != nil {
					r.Errorf("create and remove: %v", err)
					return
				}
			}
		}()
		for busy := true; busy; {
			select {
			case <-done:
				busy = false
			default:
			}
			r.listed(home, []string{ref.ID}, nil)
		}
	}},
}

// listed lists a home and checks who is in it and who is not.
func (r *rig) listed(home string, with, without []string) []backends.Observation {
	r.Helper()
	all, err := r.b.List(r.ctx(), home)
	r.must(err, "List")
	has := func(id string) bool {
		return slices.ContainsFunc(all, func(o backends.Observation) bool { return o.ID == id })
	}
	for _, id := range with {
		if !has(id) {
			r.Fatalf("%s is not listed for %q: %v", id, home, all)
		}
	}
	for _, id := range without {
		if has(id) {
			r.Errorf("%s is listed for %q", id, home)
		}
	}
	for _, o := range all {
		if home != "" && o.Labels.Home != home {
			r.Errorf("an instance of %q is listed for %q", o.Labels.Home, home)
		}
	}
	return all
}
