package docker_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// fillHome names, for a process that TestFillCutOff starts and kills, the home
// to make a bottle in, and its image.
const fillHome = "BOT_BOTTLE_TEST_FILL"

// fills makes a bottle in that process, and says whether this is it.
func (e engineFor) fills(t *testing.T) bool {
	t.Helper()
	home, image, is := strings.Cut(os.Getenv(fillHome), " ")
	if !is {
		return false
	}
	b := e.open(t)
	s := e.spec(t, resolved(t, b, image), idle()...)
	s.Labels.Home = home
	if _, err := b.Create(t.Context(), s); err != nil {
		t.Error(err)
	}
	return true
}

// wholeProgram fails unless the program in a running instance is the one that
// belongs there.
func wholeProgram(t *testing.T, b backends.Backend, ref backends.Ref) {
	t.Helper()
	sum, _, err := guest.Digest(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if got := output(t, b, ref, "sha256sum", docker.ProgramPath); !strings.HasPrefix(got, sum+" ") {
		t.Errorf("the program is %s, want %s", got, sum)
	}
}

// TestFillCutOff: who brings the program in may be killed at any moment, and
// the next one has all of it.
func TestFillCutOff(t *testing.T) {
	e := theEngine(t)
	if e.fills(t) {
		return
	}
	b := e.open(t)
	name := e.testImage(t)
	img := resolved(t, b, name)
	cut := 0
	for i := range 4 {
		home := "home-" + random()
		t.Cleanup(func() {
			all, err := b.List(context.WithoutCancel(t.Context()), home)
			if err != nil {
				t.Error(err)
			}
			for _, o := range all {
				e.delete(t, o.ID)
			}
			e.release(t, home)
		})
		other := exec.Command(os.Args[0], "-test.run=^TestFillCutOff$")
		other.Env = append(os.Environ(), fillHome+"="+home+" "+name)
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); { // it has begun
			if _, err := e.api.VolumeInspect(t.Context(), docker.ProgramVolume(home)); err == nil {
				break
			}
		}
		time.Sleep(time.Duration(i) * 30 * time.Millisecond)
		if err := other.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var ended *exec.ExitError
		if err := other.Wait(); errors.As(err, &ended) && ended.ExitCode() < 0 {
			cut++
		}
		s := e.spec(t, img, idle()...)
		s.Labels.Home = home
		ref := made(t, b, s)
		wholeProgram(t, b, ref)
		all, err := b.List(t.Context(), home)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			if is, _ := backends.IsThrowaway(o.Labels, time.Now()); !is && o.ID != ref.ID && !strings.HasPrefix(o.Name, "bot-bottle-dt-") {
				t.Errorf("a stranger of ours: %+v", o)
			}
		}
	}
	if cut == 0 {
		t.Skip("nobody could be cut off: the engine is too quick")
	}
}

// TestManyFillAtOnce: the first bottles of a home, made and started at once,
// each by a process of its own as far as the engine can tell.
func TestManyFillAtOnce(t *testing.T) {
	e := theEngine(t)
	img := resolved(t, e.open(t), e.testImage(t))
	home := "home-" + random()
	t.Cleanup(func() { e.release(t, home) })
	var wg sync.WaitGroup
	for range 6 {
		s := e.spec(t, img, idle()...)
		s.Labels.Home = home
		b := e.open(t)
		wg.Go(func() {
			inst, err := b.Create(t.Context(), s)
			if err != nil {
				t.Errorf("Create: %v", err)
				return
			}
			ref := backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
			if err := b.Start(t.Context(), ref, nil); err != nil {
				t.Errorf("Start: %v", err)
				return
			}
			wholeProgram(t, b, ref)
		})
	}
	wg.Wait()
}

// TestProgramCannotBeAltered by anybody inside, root included.
func TestProgramCannotBeAltered(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	ref := made(t, b, e.spec(t, resolved(t, b, e.testImage(t)), idle()...))
	for _, try := range []string{"echo x >> $1", "rm $1", "mv $1 $1.old", "touch $2/new", "mount -o remount,rw $2", "umount $2"} {
		if got := output(t, b, ref, "sh", "-c", "("+try+") 2>/dev/null && echo done || echo refused", "sh", docker.ProgramPath, docker.ProgramDir); got != "refused\n" {
			t.Errorf("%s: %s", try, got)
		}
	}
	wholeProgram(t, b, ref)
	s := e.spec(t, backends.Image{}, idle()...)
	s.Mounts = []backends.Mount{{Source: t.TempDir(), Target: docker.ProgramDir + "/../.bot-bottle"}}
	if _, err := b.Create(t.Context(), s); !errors.Is(err, backends.ErrBadRequest) {
		t.Errorf("a mount in its place: %v", err)
	}
}

// withAnotherProgram makes a container as another version of bot-bottle made
// it: with another program, whose volume is empty.
func (e engineFor) withAnotherProgram(t *testing.T, b backends.Backend, s backends.InstanceSpec) backends.Ref {
	t.Helper()
	inst, err := b.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.api.ContainerInspect(t.Context(), inst.ID)
	if err != nil {
		t.Fatal(err)
	}
	e.delete(t, inst.ID)
	c.HostConfig.Ulimits = nil // Podman does not read its own words for them
	home := s.Labels.Home
	if _, err := e.api.VolumeCreate(t.Context(), volume.CreateOptions{Name: docker.OtherProgramVolume(home), Labels: map[string]string{backends.LabelHome: home}}); err != nil {
		t.Fatal(err)
	}
	for i, bind := range c.HostConfig.Binds {
		c.HostConfig.Binds[i] = strings.Replace(bind, docker.ProgramVolume(home), docker.OtherProgramVolume(home), 1)
	}
	again, err := e.api.ContainerCreate(t.Context(), c.Config, c.HostConfig, nil, nil, s.Name)
	if err != nil {
		t.Fatal(err)
	}
	return backends.Ref{Name: s.Name, ID: again.ID, Labels: s.Labels}
}

// TestProgramOfAnotherVersion: a container keeps its own, gets one if it never
// had one, and takes it along when it goes.
func TestProgramOfAnotherVersion(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	ref := e.withAnotherProgram(t, b, s)
	for range 2 {
		if err := b.Start(t.Context(), ref, nil); err != nil {
			t.Fatalf("Start: %v", err)
		}
		wholeProgram(t, b, ref)
		if err := b.Stop(t.Context(), ref, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Release(t.Context(), s.Labels.Home, backends.Leftover{Kind: "volume", Ref: docker.OtherProgramVolume(s.Labels.Home)}); !errors.Is(err, backends.ErrInUse) {
		t.Errorf("Release of the program of what is stopped: %v", err)
	}
	if err := b.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := e.api.VolumeInspect(t.Context(), docker.OtherProgramVolume(s.Labels.Home)); !cerrdefs.IsNotFound(err) {
		t.Errorf("the other program is there still: %v", err)
	}
	if _, err := e.api.VolumeInspect(t.Context(), docker.ProgramVolume(s.Labels.Home)); err != nil {
		t.Errorf("the program of now: %v", err)
	}
}

// TestImageCommittedFromABottle has the words of what held the agent for its
// command: what it held is meant. Nothing of the image gets into the volume.
func TestImageCommittedFromABottle(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), "sh", "-c", "echo one; id -u; sleep 3600")
	s.User = "known"
	ref := made(t, b, s)
	name := "bot-bottle-test/committed:" + random()
	if _, err := e.api.ContainerCommit(t.Context(), ref.ID, container.CommitOptions{Reference: name, Config: &container.Config{}}); err != nil {
		t.Fatal(err)
	}
	e.removesImage(t, name)
	again := made(t, b, e.spec(t, resolved(t, b, name)))
	said(t, b, again, "one\n4711\n")
	hostile := e.spec(t, resolved(t, b, e.imageOf(t, file{name: ".bot-bottle/", mode: 0o755}, file{name: ".bot-bottle/bot-bottle-guest", mode: 0o755, text: "#!/bin/sh\necho hostile\n"})), idle()...)
	wholeProgram(t, b, made(t, b, hostile))
	wholeProgram(t, b, e.emptied(t, b, hostile))
}

// emptied is another bottle of the home, which finds its volume new and empty.
func (e engineFor) emptied(t *testing.T, b backends.Backend, s backends.InstanceSpec) backends.Ref {
	t.Helper()
	next := e.spec(t, s.Image, s.Argv...)
	if _, err := e.api.VolumeCreate(t.Context(), volume.CreateOptions{Name: docker.ProgramVolume(next.Labels.Home), Labels: map[string]string{backends.LabelHome: next.Labels.Home}}); err != nil {
		t.Fatal(err)
	}
	return made(t, b, next)
}

// TestLogOfMuchOutput: the engine cuts long lines and puts old ones aside.
func TestLogOfMuchOutput(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	const size = 3 << 20
	s := e.spec(t, resolved(t, b, e.testImage(t)), "sh", "-c", "head -c "+strconv.Itoa(size)+" /dev/zero | tr '\\0' x; echo; echo last")
	ref := made(t, b, s)
	var out, tail bytes.Buffer
	if err := b.Logs(t.Context(), ref, backends.LogOptions{Tail: -1, Follow: true}, &out, &out); err != nil {
		t.Fatal(err)
	}
	if want := size + len("\nlast\n"); out.Len() != want || strings.Count(out.String(), "x") != size {
		t.Errorf("%d bytes, want %d", out.Len(), want)
	}
	if _, err := b.Wait(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := b.Logs(t.Context(), ref, backends.LogOptions{Tail: 1}, &tail, &tail); err != nil || tail.String() != "last\n" {
		t.Errorf("the last line is %q, %v", tail.String(), err)
	}
}
