package backendtest

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var waitPoints = []point{
	{"wait/tells_the_exit_code", nil, func(r *rig) {
		for _, want := range []int{0, 1, 255} {
			ref := r.running(sh("sleep 0.3; exit " + strconv.Itoa(want))...)
			o := r.wait(ref)
			if o.Status != backends.StatusStopped {
				r.Errorf("Wait says %s, want stopped", o.Status)
			}
			r.code(o, want)
			r.code(r.inspect(ref), want)
		}
	}},
	{"wait/what_does_not_run_is_told_at_once", nil, func(r *rig) {
		ref := r.create(r.spec(sh("exit 6")...))
		r.prompt("Wait for what never ran", func() {
			if o := r.wait(ref); o.Status != backends.StatusCreated {
				r.Errorf("Wait says %s, want created", o.Status)
			}
		})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.code(r.wait(ref), 6)
		r.prompt("Wait for what ended", func() { r.code(r.wait(ref), 6) })
	}},
	{"wait/stopped_by_another_process", nil, func(r *rig) {
		ref := r.running(idle()...)
		other := r.open()
		stopped := r.aside(func() {
			time.Sleep(200 * time.Millisecond)
			if err := other.Stop(r.ctx(), ref, 0); err != nil {
				r.Errorf("Stop: %v", err)
			}
		})
		if o := r.wait(ref); o.Status != backends.StatusStopped {
			r.Errorf("Wait says %s, want stopped", o.Status)
		}
		stopped()
	}},
	{"wait/removed_while_waiting_is_gone", nil, func(r *rig) {
		ref := r.running(idle()...)
		r.aside(func() {
			time.Sleep(200 * time.Millisecond)
			r.h.Behind.Delete(r.T, ref.Name)
		})
		if o := r.wait(ref); o.Status != backends.StatusGone && o.Status != backends.StatusStopped {
			r.Errorf("Wait says %s of what is gone", o.Status)
		}
		r.eventually("it is gone", func() bool { return r.inspect(ref).Status == backends.StatusGone })
	}},
	{"wait/gone_is_a_status", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.h.Behind.Delete(r.T, ref.Name)
		if o := r.wait(ref); o.Status != backends.StatusGone {
			r.Errorf("Wait says %s of what is gone", o.Status)
		}
	}},
	{"wait/cancelled_is_back_soon", nil, func(r *rig) {
		ref := r.running(idle()...)
		ctx, cancel := context.WithTimeout(r.ctx(), 200*time.Millisecond)
		defer cancel()
		r.prompt("a cancelled Wait", func() {
			_, err := r.b.Wait(ctx, ref)
			r.is(err, context.DeadlineExceeded, "Wait")
		})
		r.status(ref, backends.StatusRunning)
	}},
}

// logs reads a log as it is now.
func (r *rig) logs(ref backends.Ref, o backends.LogOptions) (out, errs string) {
	r.Helper()
	var a, b bytes.Buffer
	r.must(r.b.Logs(r.ctx(), ref, o, &a, &b), "Logs")
	return a.String(), b.String()
}

var logPoints = []point{
	{"logs/whole_and_oldest_first", nil, func(r *rig) {
		ref := r.running(sh("seq 1 2000")...)
		r.wait(ref)
		out, _ := r.logs(ref, backends.LogOptions{Tail: -1})
		if lines := strings.Fields(out); len(lines) != 2000 || lines[0] != "1" || lines[1999] != "2000" {
			r.Errorf("%d lines: %q", len(lines), clip(out))
		}
	}},
	{"logs/streams_are_apart", need(LogStreams), func(r *rig) {
		ref := r.running(sh("echo out; echo err >&2")...)
		r.wait(ref)
		if out, errs := r.logs(ref, backends.LogOptions{Tail: -1}); out != "out\n" || errs != "err\n" {
			r.Errorf("got %q and %q", out, errs)
		}
	}},
	{"logs/tail", nil, func(r *rig) {
		ref := r.running(sh("seq 1 20")...)
		r.wait(ref)
		if out, _ := r.logs(ref, backends.LogOptions{Tail: 3}); out != "18\n19\n20\n" {
			r.Errorf("the last three lines are %q", out)
		}
		if out, _ := r.logs(ref, backends.LogOptions{Tail: 0}); out != "" {
			r.Errorf("no lines are %q", out)
		}
	}},
	{"logs/since", need(LogTimes), func(r *rig) {
		ref := r.running(sh("echo early; sleep 2; echo late")...)
		r.wait(ref)
		since := r.inspect(ref).StartedAt.Add(time.Second)
		if out, _ := r.logs(ref, backends.LogOptions{Tail: -1, Since: since}); out != "late\n" {
			r.Errorf("a second after the start it printed %q", out)
		}
	}},
	{"logs/follow_ends_with_it", nil, func(r *rig) {
		ref := r.running(sh("for i in 1 2 3 4 5; do echo $i; sleep 0.2; done")...)
		out, _ := r.logs(ref, backends.LogOptions{Follow: true, Tail: -1})
		if out != "1\n2\n3\n4\n5\n" {
			r.Errorf("got %q", out)
		}
		r.prompt("following what ended", func() { r.logs(ref, backends.LogOptions{Follow: true, Tail: -1}) })
	}},
	{"logs/follow_cancelled_is_back_soon", nil, func(r *rig) {
		ref := r.running(sh("echo up; sleep 3600")...)
		ctx, cancel := context.WithCancel(r.ctx())
		var out screen
		r.aside(func() {
			r.poll("the line comes", out.has("up\n"))
			cancel()
		})
		r.prompt("a cancelled Logs", func() {
			r.is(r.b.Logs(ctx, ref, backends.LogOptions{Follow: true, Tail: -1}, &out, &out), context.Canceled, "Logs")
		})
	}},
	{"logs/of_what_never_ran_are_empty", nil, func(r *rig) {
		if out, errs := r.logs(r.create(r.spec(idle()...)), backends.LogOptions{Tail: -1}); out+errs != "" {
			r.Errorf("it never ran and printed %q", out+errs)
		}
	}},
	{"logs/of_all_runs", nil, func(r *rig) {
		ref := r.running(sh("echo run")...)
		r.wait(ref)
		r.must(r.b.Start(r.ctx(), ref, nil), "Start again")
		r.wait(ref)
		if out, _ := r.logs(ref, backends.LogOptions{Tail: -1}); out != "run\nrun\n" {
			r.Errorf("two runs printed %q", out)
		}
	}},
	{"logs/terminal_is_one_stream", need(TTY), func(r *rig) {
		ref := r.runningSpec(r.tty("echo out; echo err >&2"))
		r.wait(ref)
		out, errs := r.logs(ref, backends.LogOptions{Tail: -1, TTY: true})
		if out != "out\r\nerr\r\n" || errs != "" {
			r.Errorf("got %q and %q", out, errs)
		}
	}},
	{"logs/gone_is_not_found", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.h.Behind.Delete(r.T, ref.Name)
		var out bytes.Buffer
		r.is(r.b.Logs(r.ctx(), ref, backends.LogOptions{Tail: -1}, &out, &out), backends.ErrNotFound, "Logs")
	}},
}

// printed waits until the log of an instance holds exactly this.
func (r *rig) printed(ref backends.Ref, want string) {
	r.Helper()
	var got string
	r.eventually("the log holds "+strconv.Quote(want), func() bool {
		var out bytes.Buffer
		r.must(r.b.Logs(r.ctx(), ref, backends.LogOptions{Tail: -1}, &out, &out), "Logs")
		got = out.String()
		return got == want
	})
}
