package backendtest

import (
	"io"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// sessionPoints are what a holder is for, through whatever leads to it.
var sessionPoints = []point{
	{"session/what_is_sent_reaches_it", need(Holder), func(r *rig) {
		ref := r.runningSpec(r.tty("stty -echo; " + agent))
		r.send(ref, "hello", guest.SendOptions{Enter: true})
		r.shows(ref, "heard <hello>")
	}},
	{"session/the_screen_is_told", need(Holder), func(r *rig) {
		ref := r.runningSpec(r.tty(`printf '\033]0;a title\007\033[?1049h\033[3;5Hhere'; sleep 3600`))
		r.shows(ref, "\n\n    here\n")
		if s := r.look(ref); s.Title != "a title" || s.Row != 2 || s.Col != 8 || s.LastOutput.IsZero() {
			r.Errorf("it is %+v", s)
		}
	}},
	{"session/who_attaches_again_sees_the_same", need(Holder, Attach), func(r *rig) {
		ref := r.runningSpec(r.tty(`printf 'gone\033[2J\033[3;5Hhere'; sleep 3600`))
		r.shows(ref, "here")
		for range 2 {
			c := r.attach(ref, backends.AttachOptions{TTY: true, Started: true})
			c.sees("here")
			c.types("\x10\x11")
			c.ends(backends.Detached)
			if got := c.out.String(); strings.Contains(got, "gone") {
				r.Errorf("what is no longer on the screen is shown: %q", clip(got))
			}
		}
	}},
	{"session/attention_is_told", need(Holder), func(r *rig) {
		ref := r.runningSpec(r.tty(`read -r x; printf '\a'; read -r x; exit 3`))
		r.send(ref, "go", guest.SendOptions{Enter: true})
		over := false
		r.must(r.b.Session(r.ctx(), ref, func(conn io.ReadWriteCloser) (err error) {
			_, over, err = guest.WaitAttention(r.ctx(), conn)
			return err
		}), "WaitAttention")
		if s := r.look(ref); over || s.Attention != guest.Bell {
			r.Errorf("after a bell it is %+v, over %v", s, over)
		}
		r.send(ref, "end", guest.SendOptions{Enter: true})
		r.code(r.wait(ref), 3)
	}},
	{"session/not_running", need(Holder), func(r *rig) {
		ref := r.create(r.tty(agent))
		use := func(io.ReadWriteCloser) error { r.Error("it was connected to"); return nil }
		r.is(r.b.Session(r.ctx(), ref, use), backends.ErrNotRunning, "Session before the start")
		gone := ref
		gone.ID, gone.Nonce = "0123456789abcdef", "other"
		if err := r.b.Session(r.ctx(), gone, use); err == nil {
			r.Error("another instance is talked to")
		}
	}},
	{"session/it_stays_without_its_process", need(Holder), func(r *rig) {
		s := r.tty("echo last words; exit 3")
		s.Stay = true
		ref := r.runningSpec(s)
		var o backends.Observation
		r.eventually("its process has ended", func() bool { o = r.inspect(ref); return o.AgentEnded })
		if o.Status != backends.StatusRunning || o.ExitCode == nil || *o.ExitCode != 3 || time.Since(o.EndedAt) > time.Hour {
			r.Errorf("it is %+v", o)
		}
		r.shows(ref, "last words")
		r.says(ref, "echo still here", "still here\n")
		r.must(r.b.Stop(r.ctx(), ref, 10*time.Second), "Stop")
		r.code(r.status(ref, backends.StatusStopped), 3)
		r.must(r.b.Start(r.ctx(), ref, nil), "Start again")
		r.eventually("it ends again", func() bool { return r.inspect(ref).AgentEnded })
	}},
}

func (r *rig) send(ref backends.Ref, text string, o guest.SendOptions) {
	r.Helper()
	r.must(r.b.Session(r.ctx(), ref, func(conn io.ReadWriteCloser) error {
		return guest.Send(r.ctx(), conn, strings.NewReader(text), o)
	}), "Send")
}

func (r *rig) look(ref backends.Ref) (s guest.Status) {
	r.Helper()
	r.must(r.b.Session(r.ctx(), ref, func(conn io.ReadWriteCloser) (err error) {
		s, err = guest.Look(r.ctx(), conn)
		return err
	}), "Look")
	return s
}

// shows waits until the screen holds a text.
func (r *rig) shows(ref backends.Ref, want string) {
	r.Helper()
	var text []byte
	if !r.poll("the screen shows "+want, func() bool {
		r.must(r.b.Session(r.ctx(), ref, func(conn io.ReadWriteCloser) (err error) {
			_, text, err = guest.Screen(r.ctx(), conn, false)
			return err
		}), "Screen")
		return strings.Contains(string(text), want)
	}) {
		r.Fatalf("the screen shows %q, want %q", clip(string(text)), want)
	}
}
