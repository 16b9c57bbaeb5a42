package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fleet is a home with bottles in both real backends, and the command line as
// it is released. Nothing of it is in a folder that a cut of the power takes.
type fleet struct {
	*testing.T
	root    string
	home    string
	socket  string // leads to the engine's own
	archive string
	image   string // what the archive calls its image
	env     []string
}

// fleetSecret is the value of a variable of every bottle.
const fleetSecret = "sesame-fleet-4711"

// fleetAgent prints all the time, ends when it is told to, and takes its time about that
// when it finds a file.
const fleetAgent = `trap 'echo told to end; [ -e /root/slow ] && sleep 30; exit 0' TERM; echo "working with ${#TOKEN} letters"; while :; do echo tick; sleep 0.5; done`

// newFleet takes up the fleet of that name where an earlier boot left it.
func newFleet(t *testing.T, name string) *fleet {
	t.Helper()
	smolvm := os.Getenv("BOT_BOTTLE_TEST_SMOLVM")
	switch {
	case smolvm == "":
		t.Skip("BOT_BOTTLE_TEST_SMOLVM names no smolvm: cmd/dev/smolvm.sh brings one")
	case os.Getenv("BOT_BOTTLE_TEST_BOOT") != "1":
		t.Skip("no micro-VM boots here: cmd/dev/labtest.sh runs this where they do")
	}
	_, endpoint := dockerEngine(t)
	socket, ok := strings.CutPrefix(endpoint, "unix://")
	if !ok {
		t.Skipf("the Docker engine has no socket to take away: %s", endpoint)
	}
	f := &fleet{T: t, image: "bot-bottle-fleet/" + name + ":1"}
	if disk := os.Getenv("BOT_BOTTLE_TEST_DISK"); disk != "" {
		f.root = filepath.Join(disk, name)
	} else {
		dir, err := os.MkdirTemp("", "fleet") // short: machines have sockets below
		fatal(t, err)
		f.root = dir
		t.Cleanup(func() { os.RemoveAll(f.root) })
	}
	f.home, f.socket, f.archive = filepath.Join(f.root, "home"), filepath.Join(f.root, "docker.sock"), filepath.Join(f.root, "image.tar")
	for _, dir := range []string{f.machines(), filepath.Join(f.root, "elsewhere"), filepath.Join(f.root, "user")} {
		fatal(t, os.MkdirAll(dir, 0o755))
	}
	f.env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BOT_BOTTLE_") || strings.HasPrefix(kv, "DOCKER_") }),
		"HOME="+filepath.Join(f.root, "user"), "BOT_BOTTLE_HOME="+f.home, "SMOLVM_DATA_DIR="+f.machines(),
		"BOT_BOTTLE_SMOLVM="+smolvm, "DOCKER_HOST=unix://"+f.socket, "TOKEN="+fleetSecret)
	if err := os.Remove(f.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err) // one of before a cut of the power
	}
	relay(t, f.socket, socket)
	return f
}

// relay is a socket that leads to another one, and can be taken away without
// taking the engine from others.
func relay(t *testing.T, from, to string) {
	l, err := net.Listen("unix", from)
	fatal(t, err)
	t.Cleanup(func() { l.Close() })
	pass := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src) // a broken end is what the other side sees, too
		_ = dst.(*net.UnixConn).CloseWrite()
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", to)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				defer near.Close()
				defer far.Close()
				done := make(chan struct{})
				go func() { defer close(done); pass(far, near) }()
				pass(near, far)
				<-done
			}()
		}
	}()
}

// machines is the data root of smolvm. On the disk that outlives the lab there
// is one for all fleets, one after the other: the first start of an image in a
// data root takes half a minute there.
func (f *fleet) machines() string {
	if os.Getenv("BOT_BOTTLE_TEST_DISK") != "" {
		return filepath.Join(filepath.Dir(f.root), "machines")
	}
	return filepath.Join(f.root, "machines")
}

// command is one call of the program, in an environment that says something
// else where more does.
func (f *fleet) command(ctx context.Context, more []string, args ...string) *exec.Cmd {
	f.Helper()
	self, err := os.Executable()
	fatal(f.T, err)
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{realProgram}, args...)
	cmd.Env, cmd.Dir = append(slices.Clone(f.env), more...), f.root
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

type said struct {
	code     int
	out, err string
}

// call runs the program to its end and logs what it did and how long it took.
func (f *fleet) call(more []string, args ...string) said {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	cmd := f.command(ctx, more, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.Fatalf("%q: %v", args, err)
	}
	s := said{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	line, _, _ := strings.Cut(strings.Join(args, " "), " -- ")
	f.Logf("%6.1fs  %d  %s  %s", time.Since(began).Seconds(), s.code, line, strings.Join(more, " "))
	if strings.Contains(s.out+s.err, fleetSecret) {
		f.Errorf("%q tells the value of a variable:\n%s%s", args, s.out, s.err)
	}
	return s
}

// well is a call that must end with 0.
func (f *fleet) well(more []string, args ...string) said {
	f.Helper()
	s := f.call(more, args...)
	if s.code != 0 && args[0] == "resume" && os.Getenv("BOT_BOTTLE_TEST_LAB") == "1" && strings.Contains(s.err, "the machine did not boot") {
		// In two tries: on a host that is busy with other things emulation
		// loses some. The first start of the fleet has no such excuse.
		f.Skipf("the lab's emulation did not bring a machine up: %s", s.err)
	}
	if s.code != 0 {
		f.Fatalf("%q ended with %d, %q:\n%s%s", args, s.code, more, s.out, s.err)
	}
	return s
}

// archived writes the image archive, of a static busybox.
func (f *fleet) archived() {
	f.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		f.Skipf("no static busybox at /bin/busybox (Debian: busybox-static): %v", err)
	}
	layer := packModes(f.T, 0o755, [2]string{"bin/sh", string(busybox)}, [2]string{"bin/sleep", string(busybox)}, [2]string{"bin/cat", string(busybox)},
		[2]string{"bin/sync", string(busybox)}, [2]string{"root/.here", ""})
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}}})
	fatal(f.T, err)
	list, err := json.Marshal([]map[string]any{{"Config": "c.json", "RepoTags": []string{f.image}, "Layers": []string{"layer.tar"}}})
	fatal(f.T, err)
	fatal(f.T, os.WriteFile(f.archive, packFiles(f.T, [2]string{"layer.tar", string(layer)}, [2]string{"c.json", string(config)}, [2]string{"manifest.json", string(list)}), 0o600))
}

// start is the command line that makes a bottle.
func (f *fleet) start(backend, name, image string) []string {
	args := []string{"start", "-d", "--backend", backend, "--name", name, "--image", image, "--network", "none", "-e", "TOKEN"}
	if backend == "smolmachines" {
		args = append(args, "--cpus", "1", "--memory", "256m")
	}
	return append(args, "--", "sh", "-c", fleetAgent)
}

// row is a bottle as list tells it.
type row struct {
	Slug, State, Backend, Endpoint string
	Pending, Reason, Drift         *string
	Observed                       json.RawMessage
}

// list asks with flags, and maps bottles by name.
func (f *fleet) list(flags ...string) (code int, rows map[string]row) {
	f.Helper()
	s := f.call(nil, append([]string{"list", "-o", "json"}, flags...)...)
	var all struct{ Bottles []row }
	if err := json.Unmarshal([]byte(s.out), &all); err != nil {
		f.Fatalf("list: %v: %s%s", err, s.out, s.err)
	}
	rows = map[string]row{}
	for _, r := range all.Bottles {
		rows[r.Slug] = r
	}
	return s.code, rows
}

// is checks the recorded state of a bottle, with nothing under way.
func (f *fleet) is(name, state string) {
	f.Helper()
	if _, rows := f.list(); rows[name].State != state || rows[name].Pending != nil {
		f.Fatalf("%s is %+v, want %s", name, rows[name], state)
	}
}

// events counts what the log holds.
func (f *fleet) events() (n int) {
	f.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(f.home, "log.db")+"?mode=ro")
	fatal(f.T, err)
	defer db.Close()
	fatal(f.T, db.QueryRow("SELECT count(*) FROM events").Scan(&n))
	return n
}

// kept checks that the file which was written in a bottle is there.
func (f *fleet) kept(more []string, name string) {
	f.Helper()
	if s := f.well(more, "exec", name, "cat", "/root/kept"); s.out != "of "+name+"\n" {
		f.Errorf("%s has %q", name, s.out)
	}
}

func (f *fleet) keep(more []string, name string) {
	f.Helper()
	f.well(more, "exec", name, "sh", "-c", "echo of "+name+" > /root/kept; sync")
}

// vmms are the micro-VMs of this fleet that run.
func (f *fleet) vmms() (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range lines {
		text, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(text), "_boot-vm\x00"+f.machines()+"/") {
			var pid int
			if _, err := fmt.Sscanf(p, "/proc/%d/", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// noVMM fails the test with what runs if a micro-VM does.
func (f *fleet) noVMM(after string) {
	f.Helper()
	for _, pid := range f.vmms() {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, config, _ := strings.Cut(strings.TrimSuffix(string(args), "\x00"), "_boot-vm\x00")
		name, _ := os.ReadFile(filepath.Join(filepath.Dir(config), "name"))
		f.Errorf("after %s the micro-VM of %q runs: %q\n%.200s", after, name, args, status)
	}
}

// printed is what a command that still runs has printed.
type printed struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *printed) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *printed) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits for what another process is about to do.
func (f *fleet) until(what string, ok func() bool) {
	f.Helper()
	for end := time.Now().Add(90 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("never: %s", what)
		}
	}
}

// killed runs a command and kills it hard when it has come to a point.
func (f *fleet) killed(point string, there func() bool, args ...string) {
	f.Helper()
	cmd := f.command(context.WithoutCancel(f.Context()), nil, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	fatal(f.T, cmd.Start())
	f.until(point, there)
	fatal(f.T, cmd.Process.Kill())
	if err := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		f.Fatalf("%q had ended already: %v: %s", args, err, out.String())
	}
	f.Logf("kill -9 of %q: %s", args, point)
}

// pending says whether an action on a bottle is under way.
func (f *fleet) pending(name, action string) func() bool {
	return func() bool {
		_, rows := f.list()
		return rows[name].Pending != nil && *rows[name].Pending == action
	}
}

// secretIsNowhere looks for the value in the home, in what smolvm keeps
// besides disks, and in the arguments of every process.
func (f *fleet) secretIsNowhere() {
	f.Helper()
	look := func(p string) {
		if text, err := os.ReadFile(p); err == nil && strings.Contains(string(text), fleetSecret) {
			f.Errorf("the value of a variable is in %s", p)
		}
	}
	looked := 0
	for _, dir := range []string{f.home, f.machines()} {
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil // it went while we looked
			case d.IsDir() && (d.Name() == "rootfs" || d.Name() == "guest" || d.Name() == "images" || d.Name() == "smolvm-image-archives"):
				return filepath.SkipDir // what machines run, which is the same with any value
			case d.Type().IsRegular() && !slices.Contains([]string{".raw", ".qcow2", ".ext4", ".tar"}, filepath.Ext(p)):
				looked++
				look(p)
			}
			return nil
		})
		fatal(f.T, err)
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range lines {
		look(p)
	}
	if looked < 3 || len(lines) < 3 {
		f.Errorf("looked into %d files and the arguments of %d processes only", looked, len(lines))
	}
}

// cleared removes what a test that failed has left.
func (f *fleet) cleared() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := f.command(ctx, nil, "rm", "--force", "--all").CombinedOutput(); err != nil {
		f.Logf("clear the fleet: %v: %s", err, out)
	}
	if out, err := f.command(ctx, nil, "cleanup", "--yes").CombinedOutput(); err != nil {
		f.Logf("clear the fleet: %v: %s", err, out)
	}
	for _, pid := range f.vmms() {
		f.Errorf("a micro-VM is left: process %d", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// imageOf is the content id that a bottle was made from.
func (f *fleet) imageOf(name string) string {
	f.Helper()
	var shown struct {
		Bottle struct {
			Spec struct {
				ID string `json:"image_id"`
			}
		}
	}
	if err := json.Unmarshal([]byte(f.well(nil, "show", name, "-o", "json").out), &shown); err != nil || shown.Bottle.Spec.ID == "" {
		f.Fatalf("show %s tells no content id: %v", name, err)
	}
	return shown.Bottle.Spec.ID
}
