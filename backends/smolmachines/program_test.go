package smolmachines_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// down checks that an error is an Unavailable that says what is, and helps.
func down(t *testing.T, err error, why, hint string) {
	t.Helper()
	var u *backends.Unavailable
	if !errors.As(err, &u) {
		t.Fatalf("got %v, want an Unavailable", err)
	}
	if !strings.Contains(u.Error(), why) || !strings.Contains(u.Hint, hint) {
		t.Errorf("got %q with the hint %q, want %q and %q", u, u.Hint, why, hint)
	}
}

func TestTheWrongProgramIsRefused(t *testing.T) {
	old := fakeProgram(t)
	plan(t, old.root, fakesmolvm.Faults{Version: "1.27.3"})
	empty := filepath.Join(t.TempDir(), "smolvm")
	if err := os.WriteFile(empty, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, why, hint string }{
		{"nowhere", "/no/such/smolvm", "names no program", "unset it"},
		{"the_namesake", namesake(t), "another product", smolmachines.EnvProgram},
		{"silent", empty, "does not tell a version", smolmachines.EnvProgram},
		{"too_old", old.path, "smolvm 1.27.3 is too old, 1.29.1 or newer is needed", "upgrade"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A good one is in PATH, and is no way out.
			t.Setenv("PATH", filepath.Dir(fakeProgram(t).path)+":"+os.Getenv("PATH"))
			b := old.openWith(t, c.path)
			_, err := b.Probe(t.Context())
			down(t, err, c.why, c.hint)
			_, err = b.List(t.Context(), "home")
			down(t, err, c.why, c.hint)
		})
	}
}

func TestTheProgramIsFoundInPath(t *testing.T) {
	s := fakeProgram(t)
	t.Setenv("PATH", filepath.Dir(s.path))
	if _, err := s.openWith(t, "").Probe(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err := s.openWith(t, "").Probe(t.Context())
	down(t, err, "there is no smolvm in PATH", smolmachines.EnvProgram)
}

// TestWhatAProgramIsIsAskedOnce: others and later processes go by what was
// found, as long as the file is the same one.
func TestWhatAProgramIsIsAskedOnce(t *testing.T) {
	s := fakeProgram(t)
	dir := t.TempDir()
	script := filepath.Join(dir, "smolvm")
	calls := filepath.Join(dir, "calls")
	text := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> %s\nexec %s \"$@\"\n", calls, s.path)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		b, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "\n")
	}
	for range 3 {
		if _, err := s.openWith(t, script).List(t.Context(), "home"); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n != 2+3 {
		t.Errorf("three lists made %d calls, want 5", n)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(script, later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.openWith(t, script).List(t.Context(), "home"); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 5+3 {
		t.Errorf("a changed program was not asked again: %d calls", n)
	}
}

func TestADataFolderThatMovedIsNoAnswer(t *testing.T) {
	s := fakeProgram(t)
	b := s.open(t)
	if _, err := b.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.root, s.root+"-moved"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.root + "-moved") })
	_, err := b.Inspect(t.Context(), backends.Ref{Name: "x"})
	down(t, err, "its data folder is not there", s.root)
	if _, err := os.Stat(s.root); err == nil {
		t.Error("the folder was made anew")
	}
}

func TestAnotherFolderIsAnotherEngine(t *testing.T) {
	s := fakeProgram(t)
	one, err := s.open(t).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.root = shortDir(t)
	two, err := s.open(t).Probe(t.Context())
	if err != nil || one.ID == two.ID {
		t.Errorf("%q and %q, %v", one.ID, two.ID, err)
	}
}

func TestResolve(t *testing.T) {
	env := func(kv ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(kv); i += 2 {
				if kv[i] == name {
					return kv[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		asked  string
		getenv func(string) string
		want   string
	}{
		{"", env("HOME", "/home/me"), "/home/me"},
		{"", env("HOME", "/home/me", "SMOLVM_DATA_DIR", "/srv/vms/"), "/srv/vms"},
		{"/data/./x", env("HOME", "/home/me", "SMOLVM_DATA_DIR", "/srv/vms"), "/data/x"},
		{"", env(), ""},
		{"/a:b", env(), ""},
		{"/" + strings.Repeat("long/", 20), env(), ""},
	} {
		got, err := smolmachines.Resolve(c.asked, c.getenv)
		if c.want == "" && err == nil || c.want != "" && (err != nil || got != c.want) {
			t.Errorf("Resolve(%q) = %q, %v, want %q", c.asked, got, err, c.want)
		}
	}
}

func TestKVMTroubleNamesTheRemedy(t *testing.T) {
	if why, hint := smolmachines.KVMTrouble("/no/such/kvm", 1000); !strings.Contains(why, "missing") || !strings.Contains(hint, "modprobe") {
		t.Errorf("%q, %q", why, hint)
	}
	file := filepath.Join(t.TempDir(), "kvm")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if why, hint := smolmachines.KVMTrouble(file, 1000); !strings.Contains(why, "runs no micro-VM") || !strings.Contains(hint, "doctor --deep") {
		t.Errorf("%q, %q", why, hint)
	}
}

func TestSupports(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := func(change func(*backends.InstanceSpec)) backends.InstanceSpec {
		s := backends.InstanceSpec{Network: "full"}
		change(&s)
		return s
	}
	port := func(ip, proto string, host int) backends.InstanceSpec {
		return spec(func(s *backends.InstanceSpec) {
			s.Ports = []backends.Port{{HostIP: ip, HostPort: host, GuestPort: 80, Protocol: proto}}
		})
	}
	mount := func(source, target string) backends.InstanceSpec {
		return spec(func(s *backends.InstanceSpec) { s.Mounts = []backends.Mount{{Source: source, Target: target}} })
	}
	for _, c := range []struct {
		want string // "" is accepted
		spec backends.InstanceSpec
	}{
		{"", spec(func(s *backends.InstanceSpec) { s.CPUs, s.Memory, s.Disk = 2, 1<<30, 10<<30 })},
		{"--read-only", spec(func(s *backends.InstanceSpec) { s.ReadOnly = true })},
		{"--runtime", spec(func(s *backends.InstanceSpec) { s.Runtime = "runsc" })},
		{"--cpus", spec(func(s *backends.InstanceSpec) { s.CPUs = 0.5 })},
		{"", port("127.0.0.1", "tcp", 8080)},
		{"--publish", port("0.0.0.0", "tcp", 8080)},
		{"--publish", port("127.0.0.1", "udp", 8080)},
		{"--publish", port("127.0.0.1", "tcp", 0)},
		{"", mount("/srv/x", "/srv/x")},
		{"", mount("/var/lib/x", "/x")},
		{"file", mount(file, "/x")},
		{"/etc", mount("/etc/ssl", "/x")},
		{"/run", mount("/run/user/1000", "/x")},
		{"system", mount("/", "/x")},
		{"system", mount("/var", "/x")},
		{"colon", mount("/a:b", "/x")},
		{"space", mount("/srv/a b", "/srv/a b")},
		{"root", mount("/srv", "/")},
		{"the guest needs", mount("/srv", "/proc/x")},
	} {
		got := strings.Join(smolmachines.Supports(c.spec), ", ")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: refused %q, want %q", c.spec, got, c.want)
		}
	}
}

func TestWhatSmolvmSaysIsFoundInTheChatter(t *testing.T) {
	const typed = `{"error":{"code":"NOT_FOUND","message":"vm not found: x"}}`
	for _, c := range []struct{ stderr, code, message string }{
		{"\x1b[33m WARN\x1b[0m {\"error\": nonsense\n" + typed + "\n", "NOT_FOUND", "vm not found: x"},
		{"Starting machine 'x'...\r\nError: vm not found: x\n", "", "vm not found: x"},
		{"Error: the first\nError: the last\nsomething after\n", "", "the last"},
		{"error: unexpected argument '--x' found\n\nUsage: smolvm\n", "", "unexpected argument '--x' found"},
		{"", "", ""},
	} {
		if code, message := smolmachines.FailureOf(c.stderr, 1); code != c.code || message != c.message {
			t.Errorf("%q: %q %q", c.stderr, code, message)
		}
	}
}

func TestEveryCallIsBounded(t *testing.T) {
	s := fakeProgram(t)
	b := s.open(t)
	if _, err := b.Probe(t.Context()); err != nil { // it is known from here on
		t.Fatal(err)
	}
	plan(t, s.root, fakesmolvm.Faults{Hang: []string{"--error-format json machine", "machine"}})
	for name, call := range map[string]func(context.Context) error{
		"List":    func(ctx context.Context) error { _, err := b.List(ctx, "h"); return err },
		"Inspect": func(ctx context.Context) error { _, err := b.Inspect(ctx, backends.Ref{Name: "x"}); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		begin := time.Now()
		down(t, call(ctx), "did not answer in time", "")
		cancel()
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestChatterBusynessAndNewsAreBorne(t *testing.T) {
	s := fakeProgram(t)
	plan(t, s.root, fakesmolvm.Faults{Chatter: 1 << 20, NewKeys: true, DatabaseBusy: 2})
	if _, err := s.open(t).List(t.Context(), ""); err != nil {
		t.Errorf("twice busy: %v", err)
	}
	plan(t, s.root, fakesmolvm.Faults{Chatter: 1 << 20, DatabaseBusy: 100})
	_, err := s.open(t).List(t.Context(), "")
	down(t, err, "database of smolvm is busy", "smolvm machine ls")
	if len(err.Error()) > 2000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestTheHomeIsNotOpened: with SMOLVM_DATA_DIR smolvm makes its folder
// readable to all, which must not befall a home.
func TestTheHomeIsNotOpened(t *testing.T) {
	s := realProgram(t)
	if err := os.Chmod(s.root, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := smolmachines.OpenWith(s.root, map[string]string{smolmachines.EnvProgram: s.path, "HOME": s.root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.List(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(s.root)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the home is %v, %v", st.Mode(), err)
	}
}
