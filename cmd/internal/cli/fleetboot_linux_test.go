package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBootFleet plays a fleet of both real backends, a machine and a
// container side by side in one home. Each step goes on from the one before.
func TestBootFleet(t *testing.T) {
	f := newFleet(t, "fleet")
	t.Cleanup(f.cleared)
	f.archived()
	halted := ""
	step := func(name string, do func(f *fleet)) {
		if t.Failed() {
			return
		}
		t.Run(name, func(t *testing.T) {
			if halted != "" {
				t.Skipf("it goes on from %q, which was not played to its end", halted)
			}
			defer func() {
				if t.Skipped() {
					halted = name
				}
			}()
			g := *f
			g.T = t
			do(&g)
		})
	}
	step("both from one image", bothStart)
	step("refused where the recorded backend is not to be had", refusals)
	step("the recorded backend whatever the environment says", contradicted)
	step("kill -9 of the machine", machineKilled)
	step("kill -9 of a stop", stopKilled)
	step("kill -9 of a start", startKilled)
	step("both are removed", removed)
}

// Names of the bottles, by their backend.
const (
	inDocker  = "in-docker"
	inMachine = "in-machine"
	third     = "third" // whose start does not come to its end
)

var both = []string{inDocker, inMachine}

// contrary is an environment that says the opposite of what was recorded.
func (f *fleet) contrary(name string) []string {
	if name == inDocker {
		return []string{"BOT_BOTTLE_BACKEND=smolmachines", "DOCKER_HOST=tcp://127.0.0.1:1"}
	}
	return []string{"BOT_BOTTLE_BACKEND=docker", "SMOLVM_DATA_DIR=" + filepath.Join(f.root, "elsewhere")}
}

// bothStart: an archive for docker, which then is the only one to know the
// image by the name that the machine is asked for with.
func bothStart(f *fleet) {
	f.well(nil, f.start("docker", inDocker, f.archive)...)
	f.well(nil, f.start("smolmachines", inMachine, f.image)...)
	if a, b := f.imageOf(inDocker), f.imageOf(inMachine); a != b {
		f.Errorf("one image is %s in docker and %s in smolmachines", a, b)
	}
	_, rows := f.list()
	if d, m := rows[inDocker], rows[inMachine]; len(rows) != 2 || d.State != "running" || d.Backend != "docker" || d.Endpoint != "unix://"+f.socket ||
		m.State != "running" || m.Backend != "smolmachines" || m.Endpoint != f.machines() {
		f.Fatalf("the list is %+v", rows)
	}
	for _, name := range both {
		f.keep(f.contrary(name), name)
		if s := f.well(f.contrary(name), "logs", name); !strings.HasPrefix(s.out, "working with 17 letters\ntick\n") {
			f.Errorf("%s printed %q", name, s.out)
		}
	}
	f.secretIsNowhere()
}

// refusals: without the recorded backend every verb is refused with 5, writes
// nothing, and the bottle in the other backend does not notice.
func refusals(f *fleet) {
	namesake := filepath.Join(f.root, "elsewhere", "smolvm")
	script := "#!/bin/sh\ncase \"$1\" in --version) echo 'smolvm 2.4.0';; *) echo \"Error: no such command '$1'.\" >&2; exit 2;; esac\n"
	fatal(f.T, os.WriteFile(namesake, []byte(script), 0o755))
	lacks := []struct {
		name, bottle, other string
		env                 []string
		gone                bool // the socket
	}{
		{"BOT_BOTTLE_SMOLVM points nowhere", inMachine, inDocker, []string{"BOT_BOTTLE_SMOLVM=/no/such/smolvm"}, false},
		{"BOT_BOTTLE_SMOLVM is a namesake", inMachine, inDocker, []string{"BOT_BOTTLE_SMOLVM=" + namesake}, false},
		{"no smolvm in PATH", inMachine, inDocker, []string{"BOT_BOTTLE_SMOLVM=", "PATH=" + filepath.Join(f.root, "user")}, false},
		{"the socket of docker is gone", inDocker, inMachine, nil, true},
	}
	for _, l := range lacks {
		f.Run(l.name, func(t *testing.T) {
			f := *f
			f.T = t
			if l.gone {
				fatal(t, os.Rename(f.socket, f.socket+".away"))
				defer func() { fatal(t, os.Rename(f.socket+".away", f.socket)) }()
			}
			before := f.events()
			for _, verb := range [][]string{{"stop", l.bottle}, {"rm", "--force", l.bottle}, {"logs", l.bottle}, {"attach", l.bottle}, {"exec", l.bottle, "sh", "-c", ":"}} {
				f.refused(l.env, verb...)
			}
			if after := f.events(); after != before {
				t.Errorf("refusals wrote %d events", after-before)
			}
			f.kept(l.env, l.other)
		})
	}
	f.is(inDocker, "running")
	f.is(inMachine, "running")
}

// refused is a call that ends because a backend cannot be had.
func (f *fleet) refused(env []string, args ...string) {
	f.Helper()
	s := f.call(env, append([]string{"-o", "json"}, args...)...)
	var told struct {
		Error struct {
			Code string
			Exit int
			Next string
		}
	}
	lines := strings.Split(strings.TrimSpace(s.err), "\n")
	err := json.Unmarshal([]byte(lines[len(lines)-1]), &told)
	want := 5
	if args[0] == "exec" || args[0] == "attach" {
		want = 125 // which is its own, the guest's codes being the others
	}
	if err != nil || s.code != want || told.Error.Exit != 5 || told.Error.Code != "backend_unavailable" || told.Error.Next == "" {
		f.Errorf("%q ended with %d, %v: %s%s", args, s.code, err, s.out, s.err)
	}
}

// contradicted: attach, stop, a refused and a done resume, with an
// environment that names the other backend and another endpoint.
func contradicted(f *fleet) {
	ctx, cancel := context.WithTimeout(f.Context(), 3*time.Minute)
	defer cancel()
	for _, name := range both {
		watch := f.command(ctx, f.contrary(name), "attach", name)
		seen := &printed{}
		watch.Stdout = seen
		fatal(f.T, watch.Start())
		f.until(name+" is seen at work", func() bool { return strings.Contains(seen.String(), "tick") })
		f.well(f.contrary(name), "stop", name)
		if err := watch.Wait(); err != nil || !strings.Contains(seen.String(), "told to end") {
			f.Errorf("attached to %s: %v, %q", name, err, seen.String())
		}
		f.is(name, "stopped")
	}
	before := f.events()
	f.refused([]string{"BOT_BOTTLE_SMOLVM=/no/such/smolvm"}, "resume", "-d", inMachine)
	if after := f.events(); after != before {
		f.Errorf("a refused resume wrote %d events", after-before)
	}
	for _, name := range both {
		f.well(f.contrary(name), "resume", "-d", name)
		f.kept(f.contrary(name), name)
	}
	_, rows := f.list("--check")
	if d, m := rows[inDocker], rows[inMachine]; d.State != "running" || d.Backend != "docker" || d.Drift != nil ||
		m.State != "running" || m.Backend != "smolmachines" || m.Drift != nil {
		f.Errorf("after a resume of both: %+v", rows)
	}
	f.secretIsNowhere()
}

// machineKilled: what list --check sees of a machine whose process is killed,
// and that a resume brings back what it had written.
func machineKilled(f *fleet) {
	pids := f.vmms()
	if len(pids) != 1 {
		f.Fatalf("the micro-VMs that run: %v", pids)
	}
	fatal(f.T, syscall.Kill(pids[0], syscall.SIGKILL))
	f.until("the micro-VM is gone", func() bool { return len(f.vmms()) == 0 })
	code, rows := f.list("--check")
	if m, d := rows[inMachine], rows[inDocker]; code != 6 || m.Drift == nil || *m.Drift != "stopped" || d.Drift != nil {
		f.Errorf("list --check ended with %d: %+v", code, rows)
	}
	f.well(nil, "resume", "-d", inMachine)
	f.kept(nil, inMachine)
	f.kept(nil, inDocker)
}

// stopKilled: a stop under way is killed; recover ends what it began.
func stopKilled(f *fleet) {
	f.well(nil, "exec", inMachine, "sh", "-c", ": > /root/slow")
	f.killed("the stop is under way", f.pending(inMachine, "stop"), "stop", "--grace", "3s", inMachine)
	f.Log(f.well(nil, "recover").out)
	f.is(inMachine, "stopped")
	f.is(inDocker, "running")
	f.noVMM("the recovery of a stop")
}

// startKilled: a start is killed while its machine boots.
func startKilled(f *fleet) {
	f.killed("the machine boots", func() bool { return len(f.vmms()) > 0 }, f.start("smolmachines", third, f.archive)...)
	f.Log(f.well(nil, "recover").out)
	_, rows := f.list()
	if r := rows[third]; r.Pending != nil || r.State == "running" {
		f.Errorf("after recover the bottle is %+v", r)
	}
	f.noVMM("the recovery of a start")
	if a, b := f.imageOf(inMachine), f.imageOf(third); a != b {
		f.Errorf("one image is %s by its name and %s from its archive", a, b)
	}
	f.well(nil, "rm", "--force", third)
}

func removed(f *fleet) {
	for _, name := range both {
		f.well(f.contrary(name), "rm", "--force", name)
	}
	if _, rows := f.list("--all"); rows[inDocker].State != "removed" || rows[inMachine].State != "removed" {
		f.Errorf("removed: %+v", rows)
	}
	f.well(nil, "rebuild", "--check")
	f.secretIsNowhere()
}
