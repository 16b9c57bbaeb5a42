package backendtest

import (
	"sync"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var togetherPoints = []point{
	{"together/two_handles_see_the_same", nil, func(r *rig) {
		s := r.spec(idle()...)
		ref := r.create(s)
		other := r.open()
		r.must(other.Start(r.ctx(), ref, nil), "Start by the other")
		r.status(ref, backends.StatusRunning)
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop")
		o, err := other.Inspect(r.ctx(), ref)
		r.must(err, "Inspect by the other")
		if o.Status != backends.StatusStopped {
			r.Errorf("the other sees %s", o.Status)
		}
		r.must(other.Remove(r.ctx(), ref), "Remove by the other")
		r.status(ref, backends.StatusGone)
	}},
	{"together/one_claim_many_creations_one_instance", nil, func(r *rig) {
		s := r.spec(idle()...)
		ids := make([]string, 6)
		var wg sync.WaitGroup
		for i := range ids {
			b := r.open()
			wg.Go(func() {
				inst, err := b.Create(r.ctx(), s)
				if err != nil {
					r.Errorf("Create number %d: %v", i, err)
				}
				ids[i] = inst.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				r.Errorf("several instances of one claim: %q", ids)
				break
			}
		}
		r.owned(s, ids[0])
	}},
	{"together/one_name_many_claims_one_winner", nil, func(r *rig) {
		s := r.spec(idle()...)
		ids := make([]string, 6)
		var wg sync.WaitGroup
		for i := range ids {
			b := r.open()
			mine := s
			mine.Labels.Nonce, mine.Labels.Bottle = "nonce-"+token(), "bottle-"+token()
			wg.Go(func() {
				inst, err := b.Create(r.ctx(), mine)
				if err != nil {
					r.is(err, backends.ErrNotOurs, "Create by a loser")
				}
				ids[i] = inst.ID
			})
		}
		wg.Wait()
		var winners []string
		for _, id := range ids {
			if id != "" {
				winners = append(winners, id)
			}
		}
		if len(winners) != 1 {
			r.Fatalf("%d creations of one name won", len(winners))
		}
		r.owned(s, winners[0])
	}},
	{"together/many_starts_one_run", nil, func(r *rig) {
		r.starts()
		ref := r.create(r.spec(sh("echo run; sleep 3600")...))
		var wg sync.WaitGroup
		for range 4 {
			b := r.open()
			wg.Go(func() {
				if err := b.Start(r.ctx(), ref, nil); err != nil {
					r.Errorf("Start: %v", err)
				}
			})
		}
		wg.Wait()
		r.printed(ref, "run\n")
		r.status(ref, backends.StatusRunning)
	}},
	{"together/many_removals_are_one", nil, func(r *rig) {
		ref := r.running(idle()...)
		var wg sync.WaitGroup
		for range 4 {
			b := r.open()
			wg.Go(func() {
				if err := b.Remove(r.ctx(), ref); err != nil {
					r.Errorf("Remove: %v", err)
				}
			})
		}
		wg.Wait()
		r.status(ref, backends.StatusGone)
	}},
}

// owned checks that a name belongs to exactly this instance.
func (r *rig) owned(s backends.InstanceSpec, id string) {
	r.Helper()
	if now := r.h.Behind.ID(r.T, s.Name); now != id {
		r.Errorf("the name belongs to %q, want %q", now, id)
	}
}
