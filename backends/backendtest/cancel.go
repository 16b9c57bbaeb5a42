package backendtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var cancelPoints = []point{
	{"cancel/nothing_begins_when_it_is_over", nil, func(r *rig) {
		made := r.create(r.spec(idle()...))
		never := r.spec(idle()...)
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		calls := r.everyCall(r.b, made, never)
		for name, call := range calls {
			r.prompt(name, func() { r.is(call(ctx), context.Canceled, name) })
		}
		r.status(made, backends.StatusCreated)
		r.nothing(never)
	}},
	{"cancel/a_cut_creation_is_found_or_not_there", nil, func(r *rig) {
		for range 6 {
			s := r.spec(idle()...)
			ctx, cancel := context.WithTimeout(r.ctx(), rand.N(60*time.Millisecond))
			var err error
			r.prompt("Create", func() { _, err = r.b.Create(ctx, s) })
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				r.Errorf("Create: %v, want nil or the end of its context", err)
			}
			// the engine may still be at it: what matters is that asking again
			// with the same claim ends with exactly this instance
			inst, err := r.b.Create(r.ctx(), s)
			r.must(err, "Create again")
			o, err := r.b.Find(r.ctx(), s.Labels, s.Name)
			r.must(err, "Find")
			if o.ID != inst.ID || o.Status != backends.StatusCreated {
				r.Errorf("Find says %s %s, Create said %s", o.Status, o.ID, inst.ID)
			}
		}
	}},
	{"cancel/a_cut_start_is_told_by_inspect", nil, func(r *rig) {
		for range 4 {
			ref := r.create(r.spec(idle()...))
			ctx, cancel := context.WithTimeout(r.ctx(), rand.N(100*time.Millisecond))
			var err error
			r.prompt("Start", func() { err = r.b.Start(ctx, ref, nil) })
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				r.Errorf("Start: %v, want nil or the end of its context", err)
			}
			o := r.inspect(ref)
			if o.Status != backends.StatusRunning && o.Status != backends.StatusCreated && o.Status != backends.StatusStopped {
				r.Errorf("after a cut start Inspect says %s", o.Status)
			}
			r.must(r.b.Start(r.ctx(), ref, nil), "Start again")
			r.status(ref, backends.StatusRunning)
		}
	}},
	{"cancel/a_cut_removal_can_be_asked_again", nil, func(r *rig) {
		for range 4 {
			ref := r.running(idle()...)
			ctx, cancel := context.WithTimeout(r.ctx(), rand.N(60*time.Millisecond))
			r.prompt("Remove", func() { r.b.Remove(ctx, ref) })
			cancel()
			r.must(r.b.Remove(r.ctx(), ref), "Remove again")
			r.status(ref, backends.StatusGone)
		}
	}},
}
