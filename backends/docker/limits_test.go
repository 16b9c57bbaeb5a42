package docker_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// TestWalls reads from the kernel, inside, what a bottle is held to.
func TestWalls(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	ref := made(t, b, e.spec(t, resolved(t, b, e.testImage(t)), idle()...))
	status := output(t, b, ref, "sh", "-c", `for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = sleep ] && cat $p/status; done; true`) // the agent's
	// bits of linux/capability.h: chown dac_override fowner fsetid kill
	// setgid setuid net_bind_service setfcap
	want := uint64(1<<0 | 1<<1 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<10 | 1<<31)
	for _, set := range []string{"CapPrm", "CapEff", "CapBnd"} {
		if line := fmt.Sprintf("%s:\t%016x\n", set, want); !strings.Contains(status, line) {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	for _, line := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
		if !strings.Contains(status, line) {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	o, err := b.Inspect(t.Context(), ref)
	if err != nil || o.Pids != 4096 || !strings.Contains(o.Enforced["capabilities"], "CAP_CHOWN") || o.Enforced["privileges"] == "" {
		t.Errorf("told: %+v, %v", o, err)
	}
	c, err := e.api.ContainerInspect(t.Context(), ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if l := c.HostConfig.LogConfig; l.Type != "local" || l.Config["max-size"] != "10m" {
		t.Errorf("logs are kept by %+v", l)
	}
}

func TestMemoryIsTheLimitOfSwapToo(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	s.Memory = 64 << 20
	ref := made(t, b, s)
	c, err := e.api.ContainerInspect(t.Context(), ref.ID)
	if err != nil || c.HostConfig.MemorySwap != s.Memory && c.HostConfig.MemorySwap != -1 {
		t.Errorf("swap %d, %v", c.HostConfig.MemorySwap, err)
	}
}

// TestAgentIsNotProcessOne: an agent that knows nothing of being that ends at a
// signal, and its orphans are reaped.
func TestAgentIsNotProcessOne(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), "sleep", "3600")
	ref := made(t, b, s)
	output(t, b, ref, "sh", "-c", "(sleep 0.1 & sleep 0.1 &) ; sleep 0.5")
	if got := output(t, b, ref, "sh", "-c", "cat /proc/[0-9]*/stat | grep -c ' Z ' || true"); got != "0\n" {
		t.Errorf("%s zombies", strings.TrimSpace(got))
	}
	begin := time.Now()
	if err := b.Stop(t.Context(), ref, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("a graceful stop took %s", took)
	}
	if o, err := b.Inspect(t.Context(), ref); err != nil || o.ExitCode == nil || *o.ExitCode != 128+15 {
		t.Errorf("it ended as %+v, %v", o, err)
	}
}

func TestReadOnlyRootLeavesRoomInMemory(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	s.ReadOnly, s.User = true, "1234:1234"
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s.Mounts = []backends.Mount{{Source: dir, Target: "/run"}} // in the place of one of them
	ref := made(t, b, s)
	output(t, b, ref, "sh", "-c", `printf '#!/bin/sh\necho runs\n' > /tmp/x && chmod +x /tmp/x && /tmp/x && touch /run/there`)
	if _, err := os.Stat(filepath.Join(dir, "there")); err != nil {
		t.Errorf("the mount lost to the tmpfs: %v", err)
	}
}

// TestHostilePaths: a mount is no string with colons in it.
func TestHostilePaths(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	top := t.TempDir()
	for _, name := range []string{"a:b", "a:/etc:rw", "a,readonly=false", `q"uo'te`, "sp ace", "per%cent", "snow ☃", "-rf"} {
		dir := filepath.Join(top, strings.ReplaceAll(name, "/", "_"))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "name"), name)
		s.Mounts = append(s.Mounts, backends.Mount{Source: dir, Target: "/mnt/" + filepath.Base(dir), ReadOnly: true})
	}
	ref := made(t, b, s)
	for _, m := range s.Mounts {
		want, err := os.ReadFile(filepath.Join(m.Source, "name"))
		if err != nil {
			t.Fatal(err)
		}
		if got := output(t, b, ref, "cat", m.Target+"/name"); got != string(want) {
			t.Errorf("%s holds %q", m.Target, got)
		}
		if got := output(t, b, ref, "sh", "-c", `touch "$1/new" 2>/dev/null || echo refused`, "sh", m.Target); got != "refused\n" {
			t.Errorf("%s is writable", m.Target)
		}
	}
}

// TestReadOnlyCoversWhatIsMountedBelow: the engine's read-only ends at the
// next file system of the host.
func TestReadOnlyCoversWhatIsMountedBelow(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	top := t.TempDir()
	below := filepath.Join(top, "below")
	if err := os.Mkdir(below, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", below, "tmpfs", 0, "size=64k,mode=0777"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(below, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	s.Mounts = []backends.Mount{{Source: top, Target: "/mnt/x", ReadOnly: true}}
	if got := output(t, b, made(t, b, s), "sh", "-c", "touch /mnt/x/below/new 2>/dev/null || echo refused"); got != "refused\n" {
		t.Error("a read-only mount is writable below a mount of the host")
	}
	if found, err := os.ReadDir(below); err != nil || len(found) > 0 {
		t.Errorf("the host has %v, %v", found, err)
	}
}

// TestHome: who has an entry in the image keeps his home, and who has none
// gets what the spec says.
func TestHome(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	for name, c := range map[string]struct{ user, home, want string }{
		"known":              {"4711:4711", "/tmp", "/home/known"},
		"known by name":      {"known", "/tmp", "/home/known"},
		"unknown":            {"4712:4712", "/tmp", "/tmp"},
		"unknown, no advice": {"4712", "", "/"},
		"root":               {"", "/tmp", "/root"},
	} {
		t.Run(name, func(t *testing.T) {
			s := e.spec(t, img, "sh", "-c", `echo "$HOME"; sleep 3600`)
			s.User, s.Home = c.user, c.home
			ref := made(t, b, s)
			if got := output(t, b, ref, "sh", "-c", `echo "$HOME"`); got != c.want+"\n" {
				t.Errorf("HOME is %q, want %q", got, c.want)
			}
			again, err := b.Create(t.Context(), s)
			if err != nil || again.ID != ref.ID {
				t.Errorf("Create again: %+v, %v; want %s", again, err, ref.ID)
			}
		})
	}
}

func TestWhatCannotBeEnforcedIsRefused(t *testing.T) {
	spec := backends.InstanceSpec{Network: "none", Disk: 1 << 30, Ports: []backends.Port{{HostPort: 1, GuestPort: 1}}}
	if got := docker.Supports(spec); !slices.Equal(got, []string{"--disk", "--publish"}) {
		t.Errorf("refused: %q", got)
	}
	if got := docker.Supports(backends.InstanceSpec{Network: "full", Memory: 1, CPUs: 1, Pids: 1, ReadOnly: true, Runtime: "x"}); got != nil {
		t.Errorf("refused: %q", got)
	}
	poor := server(t, "1.41", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/info") {
			t.Errorf("asked for %s", r.URL.Path)
		}
		answers(200, `{"ID":"x","ServerVersion":"20.10.0","Runtimes":{"runc":{}},"OSType":"linux"}`)(w, r)
	})
	b := openAt(t, poor)
	for flag, s := range map[string]backends.InstanceSpec{
		"--memory": {Memory: 1 << 30}, "--cpus": {CPUs: 2}, "--runtime runsc": {Runtime: "runsc"}, "--disk": {Disk: 1},
	} {
		s.Name, s.Network = "bot-bottle-x", "none"
		_, err := b.Create(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), flag+":") || !errors.Is(err, backends.ErrUnsupported) && !errors.Is(err, backends.ErrBadRequest) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	f, err := b.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, g := range f.Missing {
		ids = append(ids, strings.TrimPrefix(g.ID, "docker."))
	}
	if got := strings.Join(ids, " "); got != "memory-limit cpu-limit pids-limit log seccomp userns" {
		t.Errorf("gaps: %s", got)
	}
}

// TestValuesAreInNoError: an engine, or something in front of it, may repeat
// what it was sent.
func TestValuesAreInNoError(t *testing.T) {
	const secret = "sesame-4711"
	echo := server(t, "1.41", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/info"):
			answers(200, `{"ID":"x","ServerVersion":"20.10.0","Architecture":"x86_64"}`)(w, r)
		case strings.Contains(r.URL.Path, "/volumes/"):
			fmt.Fprintf(w, `{"Labels":{"%s":"h"}}`, backends.LabelHome)
		case r.Method == http.MethodGet:
			fmt.Fprintf(w, `{"Id":"0123456789abcdef","Name":"/x1","State":{"Status":"running","Running":true,"Error":"no %s"},"Config":{"Env":["A=%s"],"Labels":{"%s":"h"}},"HostConfig":{}}`,
				secret, secret, backends.LabelHome)
		default:
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "cannot: %s", body)
		}
	})
	b := openAt(t, echo)
	ref := backends.Ref{Name: "x1", ID: "0123456789abcdef", Labels: backends.Labels{Home: "h"}}
	env := []string{"A=" + secret, "B=short", "C="}
	_, created := b.Create(t.Context(), backends.InstanceSpec{Name: "x2", Network: "none", Env: env, Image: backends.Image{ID: "y"}, Argv: []string{"x"},
		Labels: backends.Labels{Home: "h"}, Resource: func(backends.Leftover) error { return nil }})
	_, ran := b.Exec(t.Context(), ref, backends.Command{Argv: []string{"true"}, Env: env}, backends.Streams{})
	for name, err := range map[string]error{"Create": created, "Exec": ran} {
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[value of A]") {
			t.Errorf("%s: %v", name, err)
		}
		if !errors.Is(err, backends.ErrBadRequest) && !errors.Is(err, backends.ErrNotOurs) {
			t.Errorf("%s lost its kind: %v", name, err)
		}
	}
	o, err := b.Inspect(t.Context(), ref)
	if err != nil || strings.Contains(fmt.Sprintf("%+v", o), secret) {
		t.Errorf("Inspect: %+v, %v", o, err)
	}
	for _, bad := range [][]string{{"=" + secret}, {secret}, {"A=" + secret + "\x00"}} {
		_, err := b.Create(t.Context(), backends.InstanceSpec{Name: "x2", Network: "none", Env: bad})
		if !errors.Is(err, backends.ErrBadRequest) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
