package backendtest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// agent answers every line, says who ends it, and lives otherwise.
const agent = `echo up; while read -r line; do echo "heard <$line>"; test "$line" = quit && exit 5; done; sleep 3600`

// tty and plain make an agent that can be attached to.
func (r *rig) tty(script string) backends.InstanceSpec {
	s := r.spec(sh(script)...)
	s.TTY, s.Stdin = true, true
	return s
}

func (r *rig) plain(script string) backends.InstanceSpec {
	s := r.spec(sh(script)...)
	s.Stdin = true
	return s
}

var attachPoints = []point{
	{"attach/before_start_misses_nothing", need(Attach), func(r *rig) {
		ref := r.create(r.plain("seq 1 5000; echo oops >&2; exit 3"))
		c := r.attach(ref, backends.AttachOptions{})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		c.ends(backends.Ended)
		var want strings.Builder
		for i := range 5000 {
			fmt.Fprintln(&want, i+1)
		}
		if got := c.out.String(); got != want.String() {
			r.Errorf("%d bytes of output arrived, want %d: %q", len(got), want.Len(), clip(got))
		}
		if got := c.err.String(); got != "oops\n" {
			r.Errorf("stderr is %q", got)
		}
		r.code(r.wait(ref), 3)
	}},
	{"attach/before_start_by_another_process", need(Attach), func(r *rig) {
		ref := r.create(r.plain("echo hello"))
		c := r.attach(ref, backends.AttachOptions{})
		r.must(r.open().Start(r.ctx(), ref, nil), "Start by another handle")
		c.ends(backends.Ended)
		if got := c.out.String(); got != "hello\n" {
			r.Errorf("got %q", got)
		}
	}},
	{"attach/before_a_second_start", need(Attach), func(r *rig) {
		ref := r.create(r.plain("echo hello"))
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.wait(ref)
		c := r.attach(ref, backends.AttachOptions{})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start again")
		c.ends(backends.Ended)
		if got := c.out.String(); got != "hello\n" {
			r.Errorf("got %q: the output of another run, or none", got)
		}
	}},
	{"attach/stdin_reaches_it", need(Attach), func(r *rig) {
		ref := r.runningSpec(r.plain(agent))
		c := r.attach(ref, backends.AttachOptions{Started: true})
		c.types("hello\n")
		c.sees("heard <hello>")
		c.types("quit\n")
		c.ends(backends.Ended)
		r.code(r.wait(ref), 5)
	}},
	{"attach/the_end_of_stdin_reaches_it", need(Attach), func(r *rig) {
		ref := r.create(r.plain("cat; echo end; exit 4"))
		c := r.attach(ref, backends.AttachOptions{})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		c.types("all of it\n")
		c.in.Close()
		c.ends(backends.Ended)
		if got := c.out.String(); got != "all of it\nend\n" {
			r.Errorf("got %q", got)
		}
		r.code(r.wait(ref), 4)
	}},
	{"attach/terminal", need(Attach, TTY), func(r *rig) {
		ref := r.create(r.tty(`test -t 0 && test -t 1 && echo terminal; ` + agent))
		c := r.attach(ref, backends.AttachOptions{TTY: true})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		c.sees("terminal\r\n")
		c.types("hello\n")
		c.sees("heard <hello>")
		c.types("quit\n")
		c.ends(backends.Ended)
		r.code(r.wait(ref), 5)
	}},
	{"attach/who_types_no_more_still_sees", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(`i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.1; done`))
		c := r.attach(ref, backends.AttachOptions{Started: true, TTY: true})
		c.sees("line ")
		c.in.Close()
		n := len(c.out.String())
		c.r.eventually("more is seen", func() bool { return strings.Count(c.out.String()[n:], "line ") > 5 })
		c.cancel()
	}},
	{"attach/size_at_once_and_on_change", need(Attach, TTY), func(r *rig) {
		ref := r.create(r.tty(`while :; do stty size; sleep 0.1; done`))
		c := r.attach(ref, backends.AttachOptions{TTY: true})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		c.sees("24 80")
		select {
		case c.resize <- backends.Size{Rows: 50, Cols: 132}:
		case <-c.done:
			r.Fatalf("Attach ended: %s, %v", c.how, c.fail)
		}
		c.sees("50 132")
	}},
	{"attach/detach_keys_by_default", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(agent))
		c := r.attach(ref, backends.AttachOptions{TTY: true, Started: true})
		c.types("\x10\x11")
		c.ends(backends.Detached)
		r.status(ref, backends.StatusRunning)
		again := r.attach(ref, backends.AttachOptions{TTY: true, Started: true})
		again.types("hello\n")
		again.sees("heard <hello>")
	}},
	{"attach/detach_keys_as_told", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(agent))
		c := r.attach(ref, backends.AttachOptions{TTY: true, Started: true, DetachKeys: "ctrl-a,d"})
		c.types("d\n")
		c.sees("heard <d>")
		c.types("\x01")
		c.types("d")
		c.ends(backends.Detached)
		r.status(ref, backends.StatusRunning)
	}},
	{"attach/bad_detach_keys_are_refused", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(agent))
		r.prompt("detach keys that make no sense", func() {
			_, err := r.b.Attach(r.ctx(), ref, backends.AttachOptions{TTY: true, Started: true, DetachKeys: "ctrl-nothing"},
				backends.Streams{Out: io.Discard}, func() {})
			r.is(err, backends.ErrBadRequest, "Attach")
		})
	}},
	{"attach/read_only_never_types", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(agent))
		writer := r.attach(ref, backends.AttachOptions{TTY: true, Started: true})
		reader := r.attach(ref, backends.AttachOptions{TTY: true, ReadOnly: true, Started: true})
		go io.WriteString(reader.in, "forbidden\n") // nobody may read it, so it may never be taken
		writer.types("allowed\n")
		writer.sees("heard <allowed>")
		reader.sees("heard <allowed>")
		time.Sleep(300 * time.Millisecond) // long enough for what must not come
		if strings.Contains(writer.out.String(), "forbidden") {
			r.Error("a reader typed")
		}
	}},
	{"attach/read_only_can_detach", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(agent))
		c := r.attach(ref, backends.AttachOptions{TTY: true, ReadOnly: true, Started: true})
		c.types("\x10\x11")
		c.ends(backends.Detached)
		r.status(ref, backends.StatusRunning)
	}},
	{"attach/read_only_never_resizes", need(Attach, TTY), func(r *rig) {
		ref := r.create(r.tty(`while :; do stty size; sleep 0.1; done`))
		writer := r.attach(ref, backends.AttachOptions{TTY: true})
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		writer.sees("24 80")
		reader := r.attach(ref, backends.AttachOptions{TTY: true, ReadOnly: true, Started: true})
		select {
		case reader.resize <- backends.Size{Rows: 5, Cols: 5}:
		case <-time.After(300 * time.Millisecond): // nobody takes it: as well
		}
		time.Sleep(300 * time.Millisecond)
		if strings.Contains(writer.out.String(), "5 5") {
			r.Error("a reader changed the size")
		}
	}},
	{"attach/several_see_the_same", need(Attach), func(r *rig) {
		ref := r.runningSpec(r.plain(agent))
		one := r.attach(ref, backends.AttachOptions{Started: true})
		two := r.attach(ref, backends.AttachOptions{Started: true})
		one.types("hello\n")
		one.sees("heard <hello>")
		two.sees("heard <hello>")
	}},
	{"attach/cancelled_leaves_it_running", need(Attach, TTY), func(r *rig) {
		ref := r.runningSpec(r.tty(agent))
		c := r.attach(ref, backends.AttachOptions{TTY: true, Started: true})
		r.prompt("a cancelled Attach", func() { c.cancel(); <-c.done })
		r.is(c.fail, context.Canceled, "Attach")
		again := r.attach(ref, backends.AttachOptions{TTY: true, Started: true})
		again.types("hello\n")
		again.sees("heard <hello>")
	}},
	{"attach/not_running", need(Attach), func(r *rig) {
		ref := r.create(r.plain("echo hello"))
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.wait(ref)
		r.prompt("Attach to what ended", func() {
			_, err := r.b.Attach(r.ctx(), ref, backends.AttachOptions{Started: true}, backends.Streams{Out: io.Discard, Err: io.Discard}, func() {})
			r.is(err, backends.ErrNotRunning, "Attach")
		})
	}},
	{"attach/gone_is_not_found", need(Attach), func(r *rig) {
		ref := r.create(r.plain("echo hello"))
		r.h.Behind.Delete(r.T, ref.Name)
		_, err := r.b.Attach(r.ctx(), ref, backends.AttachOptions{}, backends.Streams{Out: io.Discard, Err: io.Discard}, func() {})
		r.is(err, backends.ErrNotFound, "Attach")
	}},
	{"attach/the_end_of_the_instance_ends_it", need(Attach), func(r *rig) {
		ref := r.runningSpec(r.plain(agent))
		c := r.attach(ref, backends.AttachOptions{Started: true})
		r.must(r.b.Remove(r.ctx(), ref), "Remove")
		c.ends(backends.Ended)
	}},
}
