package backendtest

import "gitea.dideric.is/didericis/bot-bottle/backends"

var leftoverPoints = []point{
	{"leftovers/of_a_new_home_are_none", nil, func(r *rig) {
		left, err := r.b.Leftovers(r.ctx(), "home-"+token())
		r.must(err, "Leftovers")
		if len(left) != 0 {
			r.Errorf("a new home owns %v", left)
		}
	}},
	{"leftovers/in_use_are_kept_then_released", need(Resources), func(r *rig) {
		s := r.full()
		ref := r.runningSpec(s)
		left, err := r.b.Leftovers(r.ctx(), s.Labels.Home)
		r.must(err, "Leftovers")
		if len(left) == 0 {
			r.Fatal("the home owns nothing")
		}
		for _, l := range left {
			r.is(r.b.Release(r.ctx(), s.Labels.Home, l), backends.ErrInUse, "Release of what is in use")
			if err := r.b.Release(r.ctx(), "home-of-a-colleague", l); err == nil {
				r.Errorf("%v was released by a home that does not own it", l)
			}
		}
		r.must(r.b.Remove(r.ctx(), ref), "Remove")
		left, err = r.b.Leftovers(r.ctx(), s.Labels.Home)
		r.must(err, "Leftovers")
		for _, l := range left {
			r.must(r.b.Release(r.ctx(), s.Labels.Home, l), "Release")
			r.must(r.b.Release(r.ctx(), s.Labels.Home, l), "Release again")
		}
		if left, err = r.b.Leftovers(r.ctx(), s.Labels.Home); err != nil || len(left) != 0 {
			r.Errorf("still there: %v, %v", left, err)
		}
	}},
}
