package backendtest

import (
	"context"
	"errors"
	"io"
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
		calls := map[string]func() error{
			"Probe":   func() error { _, err := r.b.Probe(ctx); return err },
			"Create":  func() error { _, err := r.b.Create(ctx, never); return err },
			"Start":   func() error { return r.b.Start(ctx, made) },
			"Stop":    func() error { return r.b.Stop(ctx, made, time.Minute) },
			"Remove":  func() error { return r.b.Remove(ctx, made) },
			"Inspect": func() error { _, err := r.b.Inspect(ctx, made); return err },
			"Find":    func() error { _, err := r.b.Find(ctx, made.Labels, made.Name); return err },
			"List":    func() error { _, err := r.b.List(ctx, r.home); return err },
			"Exec": func() error {
				_, err := r.b.Exec(ctx, made, backends.Command{Argv: []string{"true"}}, backends.Streams{})
				return err
			},
			"Wait":    func() error { _, err := r.b.Wait(ctx, made); return err },
			"Logs":    func() error { return r.b.Logs(ctx, made, backends.LogOptions{Tail: -1}, io.Discard, io.Discard) },
			"Stat":    func() error { _, err := r.b.Stat(ctx, made, "/"); return err },
			"CopyOut": func() error { return r.b.CopyOut(ctx, made, "/etc", io.Discard) },
		}
		for name, call := range calls {
			r.prompt(name, func() { r.is(call(), context.Canceled, name) })
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
			r.prompt("Start", func() { err = r.b.Start(ctx, ref) })
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				r.Errorf("Start: %v, want nil or the end of its context", err)
			}
			o := r.inspect(ref)
			if o.Status != backends.StatusRunning && o.Status != backends.StatusCreated && o.Status != backends.StatusStopped {
				r.Errorf("after a cut start Inspect says %s", o.Status)
			}
			r.must(r.b.Start(r.ctx(), ref), "Start again")
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
