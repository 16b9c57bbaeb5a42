package smolmachines_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/backendtest"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// without is what no smolvm can do, and why.
func without() map[backendtest.Capability]string {
	return map[backendtest.Capability]string{
		backendtest.IDs:          "smolvm gives a machine no id: our nonce stands for one",
		backendtest.FileMounts:   "smolvm mounts folders only: Supports refuses a file",
		backendtest.OddTargets:   "smolvm 1.32.2 loses a mount whose target has a space in it: Supports refuses it",
		backendtest.ReadOnlyRoot: "smolvm has no read-only root: Supports refuses --read-only",
		backendtest.Limits:       "a machine has whole processors: Supports refuses a part of one; see TestLimits",
		backendtest.Resources:    "a machine has nothing besides itself",
		backendtest.KeepsEnv:     "smolvm keeps references to values and never the values",
		backendtest.CopyStopped:  "nobody is there to copy while a machine is stopped",
	}
}

// TestConformanceOnTheFake holds the backend to the contract on the fake
// command line, whose machines are namespaces.
func TestConformanceOnTheFake(t *testing.T) {
	s := fakeProgram(t)
	if !s.boots {
		t.Skip("this user can make no namespaces, so the fake has no machines")
	}
	can := without()
	can[backendtest.Ports] = "the fake publishes no ports"
	conforms(t, s, can, backendtest.Harness{})
}

// TestConformance holds it to the contract on the real one. Where no micro-VM
// boots that is the part which needs none: see TestContractAtRest.
func TestConformance(t *testing.T) {
	s := realProgram(t)
	if !s.boots {
		t.Skipf("no micro-VM boots here (%s=1 where one does): TestContractAtRest holds the part that needs none", envBoot)
	}
	conforms(t, s, without(), backendtest.Harness{Patience: 5 * time.Minute, Prompt: 100 * time.Second, Serial: true})
}

// TestBootConformance holds it to the part of the contract that shows whether
// machines do what they should, in the few minutes that there are where all is
// slow. BOT_BOTTLE_TEST_POINTS has it run others: patterns with commas between
// them, or all.
func TestBootConformance(t *testing.T) {
	s := realProgram(t)
	points := os.Getenv(envPoints)
	switch {
	case !s.boots:
		t.Skipf("no micro-VM boots here (%s=1 where one does)", envBoot)
	case os.Getenv(envLab) != "1" && points == "":
		t.Skipf("not in the lab (%s=1 there): TestConformance holds all of it", envLab)
	}
	only := essential
	switch points {
	case "":
	case "all":
		only = nil
	default:
		only = strings.Split(points, ",")
	}
	// Of machines with two processors some never come up in emulation.
	conforms(t, s, without(), backendtest.Harness{Patience: 5 * time.Minute, Prompt: 100 * time.Second, Serial: true,
		CPUs: 1, Memory: 256 << 20, Only: only})
}

// essential are the points that most rests on and that the fleet in
// cmd/internal/cli does not show. All but the last share one running machine.
var essential = []string{
	"exec/exit_codes_are_results", "exec/not_found", "exec/streams_are_apart", "exec/env_arrives_as_it_is", "exec/user",
	"exec/stdin_and_its_end", "exec/bytes_are_whole", "exec/terminal", "exec/cancelled_is_back_soon", "exec/detached_goes_on",
	"copy/in_keeps_owners", "copy/in_stays_inside", "copy/out_a_folder", "stat/a_link_is_not_followed",
	"session/who_attaches_again_sees_the_same",
}

// TestContractAtRest holds the backend to every point of the contract that
// starts no machine, on the real program.
func TestContractAtRest(t *testing.T) {
	conforms(t, realProgram(t), without(), backendtest.Harness{
		NoStart: "no micro-VM is booted here", Patience: time.Minute, Prompt: 20 * time.Second,
	})
}

func conforms(t *testing.T, s smolvm, can map[backendtest.Capability]string, h backendtest.Harness) {
	image := imageArchive(t, map[string]any{"Cmd": []string{"sleep", "3600"}})
	bare := imageArchive(t, nil)
	h.Open = func(t *testing.T) backends.Backend { return s.open(t) }
	h.Image, h.NoEntry, h.Archive, h.Without = image, bare, imageArchive(t, map[string]any{"Cmd": []string{"true"}}), can
	h.Dead = map[string]func(*testing.T) backends.Backend{
		"absent": func(t *testing.T) backends.Backend { return s.openWith(t, "/no/such/smolvm") },
		"hanging": func(t *testing.T) backends.Backend {
			f := fakeProgram(t)
			plan(t, f.root, fakesmolvm.Faults{Hang: []string{"*"}})
			return f.open(t)
		},
		"rubbish": func(t *testing.T) backends.Backend { return s.openWith(t, namesake(t)) },
	}
	// Who calls smolvm himself has to see to it that no two creations link the
	// same archive at once, see TestCreationsLeaveTheirArchiveWhole.
	others := imageArchive(t, map[string]any{"Cmd": []string{"sleep", "1800"}})
	var creating sync.Mutex
	h.Behind = backendtest.Behind{
		Make: func(t *testing.T, name string, labels map[string]string) string {
			t.Helper()
			args := []string{"machine", "create", "--name", name, "--image", others, "--cpus", "1", "--mem", "256", "--storage", "1", "--overlay", "1"}
			for k, v := range labels {
				args = append(args, "--label", k+"="+v)
			}
			creating.Lock()
			r := s.call(t, "", append(args, "--", "sleep", "3600")...)
			creating.Unlock()
			if r.code != 0 {
				t.Fatalf("make %s: %s", name, r.err)
			}
			t.Cleanup(func() { s.remove(t, name) })
			return s.id(t, name)
		},
		ID:     s.id,
		Delete: s.remove,
		Stop: func(t *testing.T, name string) {
			t.Helper()
			m := s.status(t, name)
			pid, ok := m["pid"].(float64)
			if !ok || syscall.Kill(int(pid), syscall.SIGKILL) != nil {
				t.Fatalf("kill the machine %s: %v", name, m)
			}
			for end := time.Now().Add(20 * time.Second); s.status(t, name)["state"] != "stopped"; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s does not end", name)
				}
			}
		},
		Start: s.begin,
	}
	backendtest.Run(t, h)
}

func (s smolvm) open(t *testing.T) *smolmachines.Backend {
	t.Helper()
	return s.openWith(t, s.path)
}

func (s smolvm) openWith(t *testing.T, program string) *smolmachines.Backend {
	t.Helper()
	env := map[string]string{smolmachines.EnvProgram: program, "XDG_RUNTIME_DIR": ""}
	if os.Getenv("SMOLVM_AGENT_READY_TIMEOUT_SECS") == "" {
		env["SMOLVM_AGENT_READY_TIMEOUT_SECS"] = "120"
	}
	b, err := smolmachines.OpenWith(s.root, env)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// id is what the backend would call a machine: the nonce, or its name and the
// second of its birth.
func (s smolvm) id(t *testing.T, name string) string {
	t.Helper()
	r := s.call(t, "", "machine", "status", "--json", "--name", name)
	if r.code != 0 {
		return ""
	}
	var m struct {
		Labels  map[string]string
		Created int64 `json:"created_at"`
	}
	if err := json.Unmarshal([]byte(r.out), &m); err != nil {
		t.Fatalf("status of %s: %v", name, err)
	}
	if nonce := m.Labels[backends.LabelNonce]; nonce != "" {
		return nonce
	}
	return name + "@" + strconv.FormatInt(m.Created, 10)
}

// remove takes a machine away, running or not, there or not.
func (s smolvm) remove(t *testing.T, name string) {
	t.Helper()
	for _, args := range [][]string{{"machine", "stop", "--timeout", "0", "--name", name}, {"machine", "delete", "-f", "--name", name}} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		out, err := s.command(ctx, args...).CombinedOutput()
		cancel()
		if err != nil && !strings.Contains(string(out), "not found") && args[1] == "delete" {
			t.Errorf("delete %s: %v, %s", name, err, out)
		}
	}
}

// namesake is the other product that is called smolvm.
func namesake(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "smolvm")
	script := "#!/bin/sh\ncase \"$1\" in --version) echo 'smolvm 2.4.0';; *) echo \"Error: no such command '$1'.\" >&2; exit 2;; esac\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func plan(t *testing.T, root string, f fakesmolvm.Faults) {
	t.Helper()
	if err := fakesmolvm.Plan(root, f); err != nil {
		t.Fatal(err)
	}
}
