package docker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// unheld makes a container as an earlier bot-bottle did, whose main process is
// the agent itself.
func (e engineFor) unheld(t *testing.T, s backends.InstanceSpec) backends.Ref {
	t.Helper()
	made, err := e.api.ContainerCreate(t.Context(), &container.Config{Image: s.Image.ID, Entrypoint: s.Argv, User: s.User, WorkingDir: s.Workdir,
		Labels: s.Labels.Pairs(s.Slug), Tty: s.TTY, OpenStdin: s.Stdin, StdinOnce: s.Stdin && !s.TTY}, nil, nil, nil, s.Name)
	if err != nil {
		t.Fatal(err)
	}
	return backends.Ref{Name: s.Name, ID: made.ID, Labels: s.Labels}
}

// TestBothKindsSideBySide: what an earlier bot-bottle made goes on by the
// engine's own means, beside what has a holder.
func TestBothKindsSideBySide(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	old, held := e.spec(t, img, "sh", "-c", "echo up; read -r x; echo got $x; exit 5"), e.spec(t, img)
	old.Stdin, old.User, old.Workdir = true, "known", "/home/known"
	held.Stdin, held.User, held.Workdir, held.Argv, held.Labels.Home = true, old.User, old.Workdir, old.Argv, old.Labels.Home
	refs := map[string]backends.Ref{"engine": e.unheld(t, old)}
	inst, err := b.Create(t.Context(), held)
	if err != nil || inst.Session != guest.Session {
		t.Fatalf("Create: %+v, %v", inst, err)
	}
	refs[guest.Session] = backends.Ref{Name: held.Name, ID: inst.ID, Labels: held.Labels}
	all, err := b.List(t.Context(), old.Labels.Home)
	if err != nil || len(all) != 2 {
		t.Fatalf("List: %+v, %v", all, err)
	}
	for _, o := range all {
		if refs[o.Session].ID != o.ID {
			t.Errorf("List says %q of %s", o.Session, o.Name)
		}
	}
	for session, ref := range refs {
		t.Run(strings.ReplaceAll(session, "/", "-"), func(t *testing.T) {
			o, err := b.Inspect(t.Context(), ref)
			if err != nil || o.Session != session || o.User != "known" || o.Workdir != "/home/known" || fmt.Sprint(o.Argv) != fmt.Sprint(old.Argv) || o.TTY {
				t.Errorf("Inspect: %+v, %v", o, err)
			}
			for run := range 2 {
				var out bytes.Buffer
				how := make(chan error, 1)
				ready := make(chan struct{})
				go func() {
					d, err := b.Attach(t.Context(), ref, backends.AttachOptions{}, backends.Streams{In: strings.NewReader("this\n"), Out: &out}, func() { close(ready) })
					if err == nil && d != backends.Ended {
						err = errors.New(string(d))
					}
					how <- err
				}()
				<-ready
				if err := b.Start(t.Context(), ref, nil); err != nil {
					t.Fatal(err)
				}
				if err := <-how; err != nil || out.String() != "up\ngot this\n" {
					t.Errorf("run %d: attached to %q, %v", run, out.String(), err)
				}
				if o, err := b.Wait(t.Context(), ref); err != nil || o.ExitCode == nil || *o.ExitCode != 5 {
					t.Errorf("run %d: it ended as %+v, %v", run, o, err)
				}
			}
			var log bytes.Buffer
			if err := b.Logs(t.Context(), ref, backends.LogOptions{Tail: 3}, &log, &log); err != nil || log.String() != "got this\nup\ngot this\n" {
				t.Errorf("log: %q, %v", log.String(), err)
			}
			if err := b.Start(t.Context(), ref, nil); err != nil {
				t.Fatal(err)
			}
			err = b.Session(t.Context(), ref, func(conn io.ReadWriteCloser) error { _, err := guest.Look(t.Context(), conn); return err })
			if session == guest.Session && err != nil || session != guest.Session && !errors.Is(err, backends.ErrUnsupported) {
				t.Errorf("Session: %v", err)
			}
			if got := output(t, b, ref, "sh", "-c", "id -un; pwd; echo $HOME"); got != "known\n/home/known\n/home/known\n" {
				t.Errorf("exec runs with %q", got)
			}
		})
	}
}

// TestImageSaysWhatRuns: its ENTRYPOINT and CMD, USER, WORKDIR and HOME are the
// agent's where nothing else is said, and those of later commands.
func TestImageSaysWhatRuns(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	for name, c := range map[string]struct {
		changes []string
		home    string
	}{
		"of his entry":    {nil, "/home/known"},
		"of its variable": {[]string{"ENV HOME=/tmp/there"}, "/tmp/there"},
	} {
		t.Run(name, func(t *testing.T) {
			img := resolved(t, b, e.testImage(t, append(c.changes, `ENTRYPOINT ["sh", "-c", "echo $0 $(id -u) $PWD $HOME; sleep 3600"]`, `CMD ["word"]`, "USER known", "WORKDIR /home/known")...))
			s := e.spec(t, img)
			s.Home = "/nowhere"
			ref := made(t, b, s)
			said(t, b, ref, "word 4711 /home/known "+c.home+"\n")
			if got := output(t, b, ref, "sh", "-c", "echo $(id -u) $PWD $HOME"); got != "4711 /home/known "+c.home+"\n" {
				t.Errorf("exec runs with %q", got)
			}
			var out bytes.Buffer
			if _, err := b.Exec(t.Context(), ref, backends.Command{Argv: []string{"id", "-u"}, User: "0"}, backends.Streams{Out: &out}); err != nil || out.String() != "0\n" {
				t.Errorf("exec as root: %q, %v", out.String(), err)
			}
			o, err := b.Inspect(t.Context(), ref)
			if err != nil || o.User != "known" || o.Workdir != "/home/known" || len(o.Argv) != 4 || o.Argv[3] != "word" {
				t.Errorf("Inspect: %+v, %v", o, err)
			}
		})
	}
}

// said waits until the log is this.
func said(t *testing.T, b backends.Backend, ref backends.Ref, want string) {
	t.Helper()
	var log bytes.Buffer
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		log.Reset()
		if err := b.Logs(t.Context(), ref, backends.LogOptions{Tail: -1}, &log, &log); err != nil {
			t.Fatal(err)
		}
		if log.String() == want {
			return
		}
	}
	t.Errorf("it said %q, want %q", log.String(), want)
}

// TestImageOfOneProgram: what holds the agent needs nothing of the image, not
// even where nothing can be written and the agent is nobody.
func TestImageOfOneProgram(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	l := backends.ThrowawayLabels("tiny-"+random(), random(), time.Now())
	f, err := b.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := docker.CheckArchive(e.arch(t), l)
	if err != nil {
		t.Skip(err)
	}
	id, err := docker.ArchiveID(archive)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	answer, err := e.api.ImageLoad(t.Context(), archive)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := new(bytes.Buffer).ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	e.removesImage(t, id)
	for _, user := range []string{"", "65534:65534"} {
		for _, tty := range []bool{false, true} {
			s := e.spec(t, resolved(t, b, id))
			s.ReadOnly, s.User, s.TTY, s.Stdin = true, user, tty, tty
			ref := made(t, b, s)
			o, err := b.Wait(t.Context(), ref)
			if err != nil || o.ExitCode == nil || *o.ExitCode != docker.CheckCode {
				t.Errorf("as %q, terminal %v, on %s: %+v, %v", user, tty, f.Version, o, err)
			}
			if err := b.Remove(t.Context(), ref); err != nil {
				t.Error(err)
			}
		}
	}
}

func (e engineFor) arch(t *testing.T) string {
	t.Helper()
	info, err := e.api.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Architecture
}

// TestStopSignalOfTheImage reaches the agent.
func TestStopSignalOfTheImage(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	plain := e.testImage(t)
	for _, sig := range []string{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"} {
		t.Run(sig, func(t *testing.T) {
			t.Parallel()
			s := e.spec(t, resolved(t, b, e.stoppedBy(t, plain, "SIG"+sig)), "sh", "-c", "trap 'exit 9' "+sig+"; echo up; while :; do sleep 0.05; done")
			ref := made(t, b, s)
			said(t, b, ref, "up\n")
			if err := b.Stop(t.Context(), ref, 20*time.Second); err != nil {
				t.Fatal(err)
			}
			if o, err := b.Inspect(t.Context(), ref); err != nil || o.ExitCode == nil || *o.ExitCode != 9 {
				t.Errorf("it ended as %+v, %v", o, err)
			}
		})
	}
}

// stoppedBy is an image with a STOPSIGNAL.
func (e engineFor) stoppedBy(t *testing.T, image, signal string) string {
	t.Helper()
	c, err := e.api.ContainerCreate(t.Context(), &container.Config{Image: image, Cmd: idle()}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer e.delete(t, c.ID)
	name := "bot-bottle-test/stopped:" + random()
	if _, err := e.api.ContainerCommit(t.Context(), c.ID, container.CommitOptions{Reference: name, Config: &container.Config{StopSignal: signal}}); err != nil {
		t.Fatal(err)
	}
	e.removesImage(t, name)
	return name
}

// TestStartThatFailsIsTold by its kind, and what is left is ended.
func TestStartThatFailsIsTold(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	for name, c := range map[string]struct {
		spoil func(*backends.InstanceSpec)
		kind  error
	}{
		"no such command": {func(s *backends.InstanceSpec) { s.Argv = []string{"no-such-command"} }, backends.ErrCommandNotFound},
		"no program":      {func(s *backends.InstanceSpec) { s.Argv = []string{"/etc/passwd"} }, backends.ErrNotExecutable},
		"no such user":    {func(s *backends.InstanceSpec) { s.User = "nobody-here" }, backends.ErrBadRequest},
		"no folder":       {func(s *backends.InstanceSpec) { s.Workdir = "/etc/passwd/x" }, backends.ErrBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			s := e.spec(t, img, idle()...)
			c.spoil(&s)
			inst, err := b.Create(t.Context(), s)
			if errors.Is(err, c.kind) {
				return // the engine knows already
			}
			if err != nil {
				t.Fatal(err)
			}
			ref := backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
			for range 2 {
				if err := b.Start(t.Context(), ref, nil); !errors.Is(err, c.kind) {
					t.Errorf("Start: %v, want %v", err, c.kind)
				}
				o, err := b.Inspect(t.Context(), ref)
				if err != nil || o.Status != backends.StatusStopped && o.Status != backends.StatusCreated || o.Detail == "" && !errors.Is(c.kind, backends.ErrBadRequest) { // Podman keeps no words
					t.Errorf("Inspect: %+v, %v", o, err)
				}
			}
		})
	}
}
