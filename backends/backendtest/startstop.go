package backendtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var startPoints = []point{
	{"start/runs", nil, func(r *rig) {
		begin := time.Now().Add(-time.Minute)
		ref := r.running(idle()...)
		o := r.status(ref, backends.StatusRunning)
		if o.ExitCode != nil || !o.EndedAt.IsZero() {
			r.Errorf("it runs, but it ended: %+v", o)
		}
		if o.StartedAt.Before(begin) || o.StartedAt.After(time.Now().Add(time.Minute)) {
			r.Errorf("started at %s, now is %s", o.StartedAt, time.Now())
		}
	}},
	{"start/again_is_nil", nil, func(r *rig) {
		ref := r.running(sh("echo once; sleep 3600")...)
		before := r.status(ref, backends.StatusRunning)
		r.must(r.open().Start(r.ctx(), ref, nil), "Start again")
		if after := r.status(ref, backends.StatusRunning); !after.StartedAt.Equal(before.StartedAt) {
			r.Errorf("it was started anew: %s, %s", before.StartedAt, after.StartedAt)
		}
	}},
	{"start/after_stop_keeps_the_disk", nil, func(r *rig) {
		ref := r.running(idle()...)
		r.says(ref, "echo kept > /root-file && cat /root-file", "kept\n")
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop")
		r.must(r.b.Start(r.ctx(), ref, nil), "Start after Stop")
		r.status(ref, backends.StatusRunning)
		r.says(ref, "cat /root-file", "kept\n")
	}},
	{"start/gone_is_not_found", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.h.Behind.Delete(r.T, ref.Name)
		r.is(r.b.Start(r.ctx(), ref, nil), backends.ErrNotFound, "Start of nothing")
	}},
	{"start/no_such_command_fails_and_tells", need(StartFails), func(r *rig) {
		ref := r.create(r.spec("/no/such/command"))
		err := r.b.Start(r.ctx(), ref, nil)
		if _, blind := r.h.Without[NotFoundTold]; blind {
			if err == nil {
				r.Error("Start of nothing to execute: nil")
			}
		} else {
			r.is(err, backends.ErrCommandNotFound, "Start")
		}
		o := r.inspect(ref)
		if o.Status != backends.StatusCreated && o.Status != backends.StatusStopped {
			r.Errorf("after a failed start Inspect says %s", o.Status)
		}
		if o.Detail == "" {
			r.Error("after a failed start Inspect has no word on it")
		}
		r.must(r.b.Remove(r.ctx(), ref), "Remove after a failed start")
	}},
	{"start/not_executable_fails_and_tells", need(StartFails, NotFoundTold), func(r *rig) {
		err := r.b.Start(r.ctx(), r.create(r.spec("/tmp")), nil)
		r.is(err, backends.ErrNotExecutable, "Start of a folder")
	}},
	{"start/env_is_given_at_each_start", nil, func(r *rig) {
		s := r.spec(sh(`echo "$A and $B" >> /said; touch /written; sleep 3600`)...)
		s.Env = []string{"A=one", "B=two"}
		ref := r.runningSpec(s)
		r.written(ref, "/said", "one and two\n")
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop")
		r.must(r.open().Start(r.ctx(), ref, []string{"A=three", "B=four"}), "Start with other values")
		want := "one and two\n"
		if _, forgets := r.h.Without[KeepsEnv]; forgets {
			want = "three and four\n"
		}
		r.eventually("the second run says "+want, func() bool {
			_, said, _ := r.exec(ref, backends.Command{Argv: []string{"cat", "/said"}}, "")
			return said == "one and two\n"+want
		})
	}},
	{"start/a_quick_end_is_no_failure", nil, func(r *rig) {
		ref := r.running("true")
		r.code(r.wait(ref), 0)
		r.status(ref, backends.StatusStopped)
	}},
}

var stopPoints = []point{
	{"stop/graceful_lets_it_end_by_itself", need(StopSignal), func(r *rig) {
		ref := r.running(sh("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.1; done")...)
		r.printed(ref, "up\n")
		r.prompt("a graceful stop of what obeys", func() {
			r.must(r.b.Stop(r.ctx(), ref, 20*time.Second), "Stop")
		})
		o := r.status(ref, backends.StatusStopped)
		r.code(o, 7)
		if o.EndedAt.Before(o.StartedAt) {
			r.Errorf("started at %s, ended at %s", o.StartedAt, o.EndedAt)
		}
		r.printed(ref, "up\nbye\n")
	}},
	{"stop/graceful_then_hard_is_bounded", nil, func(r *rig) {
		ref := r.running(sh("trap '' TERM; echo up; while :; do sleep 0.1; done")...)
		r.printed(ref, "up\n")
		r.prompt("a stop of what does not obey, besides its second of grace", func() {
			r.must(r.b.Stop(r.ctx(), ref, time.Second), "Stop")
		})
		r.code(r.status(ref, backends.StatusStopped), 137)
	}},
	{"stop/zero_grace_is_hard_at_once", nil, func(r *rig) {
		ref := r.running(sh("trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done")...)
		r.printed(ref, "up\n")
		r.prompt("a hard stop", func() { r.must(r.b.Stop(r.ctx(), ref, 0), "Stop") })
		r.code(r.status(ref, backends.StatusStopped), 137)
	}},
	{"stop/not_running_is_nil", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.prompt("a stop of what never ran", func() { r.must(r.b.Stop(r.ctx(), ref, time.Minute), "Stop") })
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop")
		r.prompt("a stop of what is stopped", func() { r.must(r.b.Stop(r.ctx(), ref, time.Minute), "Stop again") })
	}},
	{"stop/gone_is_nil", nil, func(r *rig) {
		ref := r.running(idle()...)
		r.h.Behind.Delete(r.T, ref.Name)
		r.must(r.b.Stop(r.ctx(), ref, time.Minute), "Stop of nothing")
	}},
	{"stop/waits_for_the_end", nil, func(r *rig) {
		ref := r.running(sh("trap 'sleep 1; exit 0' TERM; echo up; while :; do sleep 0.1; done")...)
		r.printed(ref, "up\n")
		other := r.open()
		var wg sync.WaitGroup
		for _, b := range []backends.Backend{r.b, other} {
			wg.Go(func() {
				if err := b.Stop(r.ctx(), ref, 20*time.Second); err != nil {
					r.Errorf("one of two stops: %v", err)
				}
				if o, err := b.Inspect(r.ctx(), ref); err != nil || o.Status != backends.StatusStopped {
					r.Errorf("Stop is back, and Inspect says %s, %v", o.Status, err)
				}
			})
		}
		wg.Wait()
	}},
	{"stop/hard_overtakes_graceful", nil, func(r *rig) {
		ref := r.running(sh("trap '' TERM; echo up; while :; do sleep 0.1; done")...)
		r.printed(ref, "up\n")
		done := make(chan error, 1)
		other := r.open()
		go func() { done <- other.Stop(r.ctx(), ref, 25*time.Second) }()
		time.Sleep(200 * time.Millisecond)
		r.prompt("a hard stop during a graceful one", func() { r.must(r.b.Stop(r.ctx(), ref, 0), "Stop") })
		r.prompt("the graceful one", func() { r.must(<-done, "the graceful Stop") })
	}},
	{"stop/frees_what_lingers", nil, func(r *rig) {
		ref := r.running(sh("exit 7")...)
		r.code(r.wait(ref), 7)
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop of what ended by itself")
		o := r.status(ref, backends.StatusStopped)
		if o.Lingers {
			r.Error("it lingers after Stop")
		}
		r.code(o, 7)
		r.must(r.b.Start(r.ctx(), ref, nil), "Start again")
		r.code(r.wait(ref), 7)
	}},
	{"stop/paused_is_ended", nil, func(r *rig) {
		r.hook(r.h.Behind.Pause != nil, "Pause")
		ref := r.running(idle()...)
		r.h.Behind.Pause(r.T, ref.Name)
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop of what is paused")
		r.status(ref, backends.StatusStopped)
	}},
	{"stop/cut_off_can_be_asked_again", nil, func(r *rig) {
		ref := r.running(sh("trap 'sleep 1; exit 9' TERM; echo up; while :; do sleep 0.1; done")...)
		r.printed(ref, "up\n")
		ctx, cancel := context.WithTimeout(r.ctx(), 200*time.Millisecond)
		defer cancel()
		r.prompt("a stop that is cut off", func() {
			if err := r.b.Stop(ctx, ref, 25*time.Second); !errors.Is(err, context.DeadlineExceeded) {
				r.Errorf("Stop: %v, want the end of its context", err)
			}
		})
		r.must(r.open().Stop(r.ctx(), ref, 25*time.Second), "Stop again")
		r.status(ref, backends.StatusStopped)
	}},
}
