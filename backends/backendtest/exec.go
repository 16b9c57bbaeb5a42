package backendtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var execPoints = []point{
	{"exec/exit_codes_are_results", nil, func(r *rig) {
		for _, want := range []int{0, 1, 2, 7, 42, 125, 126, 127, 130, 255} {
			if code, _, _ := r.exec(r.shared(), backends.Command{Argv: sh("exit " + strconv.Itoa(want))}, ""); code != want {
				r.Errorf("exit %d arrives as %d", want, code)
			}
		}
	}},
	{"exec/killed_by_a_signal", nil, func(r *rig) {
		if code, _, _ := r.exec(r.shared(), backends.Command{Argv: sh("kill -9 $$")}, ""); code != 137 {
			r.Errorf("killed by 9 arrives as %d", code)
		}
	}},
	{"exec/not_found", nil, func(r *rig) {
		for _, name := range []string{"no-such-command", "/no/such/command"} {
			_, err := r.b.Exec(r.ctx(), r.shared(), backends.Command{Argv: []string{name}}, backends.Streams{Out: io.Discard, Err: io.Discard})
			want := backends.ErrCommandNotFound
			if _, blind := r.h.Without[NotFoundTold]; blind {
				want = backends.ErrNotExecutable
			}
			r.is(err, want, name)
		}
	}},
	{"exec/not_executable", nil, func(r *rig) {
		_, err := r.b.Exec(r.ctx(), r.shared(), backends.Command{Argv: []string{"/tmp"}}, backends.Streams{Out: io.Discard, Err: io.Discard})
		r.is(err, backends.ErrNotExecutable, "a folder")
	}},
	{"exec/streams_are_apart", nil, func(r *rig) {
		code, out, errs := r.exec(r.shared(), backends.Command{Argv: sh("echo out; echo err >&2")}, "")
		if code != 0 || out != "out\n" || errs != "err\n" {
			r.Errorf("got %d, %q, %q", code, out, errs)
		}
	}},
	{"exec/argv_arrives_as_it_is", nil, func(r *rig) {
		argv := append(sh(`printf '%s\0' "$@"`), "name")
		_, out, _ := r.exec(r.shared(), backends.Command{Argv: append(argv, hostileValues...)}, "")
		if want := strings.Join(hostileValues, "\x00") + "\x00"; out != want {
			r.Errorf("arrived as %q, want %q", clip(out), clip(want))
		}
	}},
	{"exec/env_arrives_as_it_is", nil, func(r *rig) {
		cmd, script := backends.Command{}, ""
		for i, v := range hostileValues {
			cmd.Env = append(cmd.Env, "V"+strconv.Itoa(i)+"="+v)
			script += `printf '%s\0' "$V` + strconv.Itoa(i) + `"; `
		}
		cmd.Argv = sh(script)
		_, out, _ := r.exec(r.shared(), cmd, "")
		if want := strings.Join(hostileValues, "\x00") + "\x00"; out != want {
			r.Errorf("arrived as %q, want %q", clip(out), clip(want))
		}
	}},
	{"exec/sees_the_env_of_the_instance", nil, func(r *rig) {
		s := r.spec(idle()...)
		s.Env = []string{"A=of the instance", "B=of the instance"}
		code, out, _ := r.exec(r.runningSpec(s), backends.Command{Argv: sh(`echo "$A, $B"`), Env: []string{"B=of the command"}}, "")
		if code != 0 || out != "of the instance, of the command\n" {
			r.Errorf("got %d, %q", code, out)
		}
	}},
	{"exec/workdir", nil, func(r *rig) {
		if _, out, _ := r.exec(r.shared(), backends.Command{Argv: []string{"pwd"}, Workdir: "/tmp"}, ""); out != "/tmp\n" {
			r.Errorf("in %q, want /tmp", out)
		}
	}},
	{"exec/user", need(Users), func(r *rig) {
		_, out, _ := r.exec(r.shared(), backends.Command{Argv: sh("id -u; id -g"), User: "1234:567"}, "")
		if out != "1234\n567\n" {
			r.Errorf("runs as %q", out)
		}
	}},
	{"exec/stdin_and_its_end", nil, func(r *rig) {
		code, out, _ := r.exec(r.shared(), backends.Command{Argv: sh("cat; echo end"), Stdin: true}, "one\ntwo\n")
		if code != 0 || out != "one\ntwo\nend\n" {
			r.Errorf("got %d, %q", code, out)
		}
	}},
	{"exec/without_stdin_it_is_empty", nil, func(r *rig) {
		r.prompt("reading a stdin that is not there", func() {
			code, out, _ := r.exec(r.shared(), backends.Command{Argv: sh("cat; echo end")}, "")
			if code != 0 || out != "end\n" {
				r.Errorf("got %d, %q", code, out)
			}
		})
	}},
	{"exec/an_unread_stdin_does_not_hold_it", nil, func(r *rig) {
		in, w := io.Pipe() // a terminal where nobody types
		defer w.Close()
		r.prompt("a command that reads nothing", func() {
			var out bytes.Buffer
			code, err := r.b.Exec(r.ctx(), r.shared(), backends.Command{Argv: []string{"echo", "hello"}, Stdin: true},
				backends.Streams{In: in, Out: &out, Err: io.Discard})
			if err != nil || code != 0 || out.String() != "hello\n" {
				r.Errorf("got %d, %v, %q", code, err, out.String())
			}
		})
	}},
	{"exec/bytes_are_whole", nil, func(r *rig) {
		in := make([]byte, 1<<20)
		for i := range in {
			in[i] = byte(i * 31 >> 3)
		}
		code, out, _ := r.exec(r.shared(), backends.Command{Argv: []string{"cat"}, Stdin: true}, string(in))
		if code != 0 || out != string(in) {
			r.Errorf("a megabyte through cat: code %d, %d bytes, the same: %v", code, len(out), out == string(in))
		}
	}},
	{"exec/a_reader_that_left_ends_it", nil, func(r *rig) {
		r.prompt("endless output that nobody takes", func() {
			_, err := r.b.Exec(r.ctx(), r.shared(), backends.Command{Argv: []string{"yes"}}, backends.Streams{Out: &full{left: 1000}, Err: io.Discard})
			if err == nil {
				r.Error("a broken pipe went unnoticed")
			}
		})
	}},
	{"exec/terminal", need(TTY), func(r *rig) {
		var out screen
		resize := make(chan backends.Size, 1)
		resize <- backends.Size{Rows: 33, Cols: 101}
		code, err := r.b.Exec(r.ctx(), r.shared(), backends.Command{TTY: true, Size: backends.Size{Rows: 33, Cols: 101},
			Argv: sh(`test -t 0 && test -t 1 && echo terminal; i=0; while [ "$(stty size 2>/dev/null)" != "33 101" ] && [ $i -lt 50 ]; do i=$((i+1)); sleep 0.1; done; stty size`)},
			backends.Streams{Out: &out, Resize: resize})
		if err != nil || code != 0 || out.String() != "terminal\r\n33 101\r\n" {
			r.Errorf("got %d, %v, %q", code, err, out.String())
		}
	}},
	{"exec/terminal_is_resized", need(TTY), func(r *rig) {
		ref := r.shared()
		var out screen
		in, w := io.Pipe()
		defer w.Close()
		resize := make(chan backends.Size, 1)
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(r.ctx())
		go func() {
			_, err := r.b.Exec(ctx, ref, backends.Command{TTY: true, Stdin: true, Size: backends.Size{Rows: 10, Cols: 20},
				Argv: sh(`while :; do stty size; sleep 0.1; done`)}, backends.Streams{In: in, Out: &out, Resize: resize})
			done <- err
		}()
		for _, s := range []backends.Size{{Rows: 20, Cols: 60}, {Rows: 50, Cols: 132}} {
			select {
			case resize <- s:
			case err := <-done:
				r.Fatalf("Exec ended: %v", err)
			}
			want := strconv.Itoa(int(s.Rows)) + " " + strconv.Itoa(int(s.Cols))
			r.poll("the terminal is "+want, out.has(want))
		}
		cancel()
		r.is(<-done, context.Canceled, "Exec")
	}},
	{"exec/cancelled_is_back_soon", nil, func(r *rig) {
		ref := r.shared()
		ctx, cancel := context.WithCancel(r.ctx())
		var out screen
		r.aside(func() {
			r.poll("it runs", out.has("up"))
			cancel()
		})
		r.prompt("a cancelled command", func() {
			_, err := r.b.Exec(ctx, ref, backends.Command{Argv: sh("echo up; sleep 3600")}, backends.Streams{Out: &out, Err: io.Discard})
			r.is(err, context.Canceled, "Exec")
		})
		r.status(ref, backends.StatusRunning)
	}},
	{"exec/detached_goes_on", need(Detached), func(r *rig) {
		file := "/detached-" + token()
		r.prompt("a detached command", func() {
			code, err := r.b.Exec(r.ctx(), r.shared(), backends.Command{Detach: true, Argv: sh("sleep 1; echo done > " + file)}, backends.Streams{})
			if err != nil || code != 0 {
				r.Errorf("got %d, %v", code, err)
			}
		})
		r.eventually("the detached command ends", func() bool {
			_, out, _ := r.exec(r.shared(), backends.Command{Argv: sh("cat " + file + " 2>/dev/null")}, "")
			return out == "done\n"
		})
	}},
	{"exec/the_end_of_the_instance_ends_it", nil, func(r *rig) {
		ref := r.running(idle()...)
		var out screen
		stopped := r.aside(func() {
			r.poll("it runs", out.has("up"))
			if err := r.b.Stop(r.ctx(), ref, 0); err != nil {
				r.Errorf("Stop: %v", err)
			}
		})
		code, err := r.b.Exec(r.ctx(), ref, backends.Command{Argv: sh("echo up; sleep 3600")}, backends.Streams{Out: &out, Err: io.Discard})
		if err == nil && code == 0 {
			r.Error("a command whose instance was stopped ended well")
		}
		stopped()
	}},
	{"exec/not_running", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		_, err := r.b.Exec(r.ctx(), ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
		r.is(err, backends.ErrNotRunning, "Exec before Start")
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop")
		_, err = r.b.Exec(r.ctx(), ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
		r.is(err, backends.ErrNotRunning, "Exec after Stop")
	}},
	{"exec/gone_is_not_found", nil, func(r *rig) {
		ref := r.running(idle()...)
		r.h.Behind.Delete(r.T, ref.Name)
		_, err := r.b.Exec(r.ctx(), ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
		r.is(err, backends.ErrNotFound, "Exec in nothing")
	}},
	{"exec/many_at_once", nil, func(r *rig) {
		ref := r.shared()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				var out bytes.Buffer
				want := strings.Repeat(strconv.Itoa(i), 100)
				code, err := r.b.Exec(r.ctx(), ref, backends.Command{Argv: sh("sleep 0.2; echo " + want + "; exit " + strconv.Itoa(i))},
					backends.Streams{Out: &out, Err: io.Discard})
				if err != nil || code != i || out.String() != want+"\n" {
					r.Errorf("command %d: %d, %v, %q", i, code, err, out.String())
				}
			})
		}
		wg.Wait()
	}},
}

// full is a writer that takes some bytes and then no more.
type full struct{ left int }

var errFull = errors.New("broken pipe")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}
