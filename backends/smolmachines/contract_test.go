package smolmachines_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The checks of what we rely on in the program itself, the same for the fake
// and for the real one. Numbers are those of the list that they came from.
func TestTheFakeKeepsTheContract(t *testing.T) { contract(t, fakeProgram(t)) }

func TestTheRealOneKeepsTheContract(t *testing.T) { contract(t, realProgram(t)) }

// TestBootContract plays the part of TestTheRealOneKeepsTheContract that takes
// a running machine in the lab, where all is slow: only when it is asked for.
func TestBootContract(t *testing.T) {
	s := realProgram(t)
	switch {
	case os.Getenv(envLab) != "1":
		t.Skipf("not in the lab (%s=1 there): TestTheRealOneKeepsTheContract holds it", envLab)
	case os.Getenv(envPoints) != "all":
		t.Skipf("takes more time than a run of all tests has in the lab: %s=all runs it", envPoints)
	}
	whileRunning(t, s)
}

func contract(t *testing.T, s smolvm) {
	t.Run("at_rest", func(t *testing.T) { atRest(t, s) })
	t.Run("running", func(t *testing.T) {
		if !s.boots {
			t.Skipf("no machine boots here: set %s=1 where they do", envBoot)
		}
		s.root = shortDir(t)
		whileRunning(t, s)
	})
}

// check calls the program and compares the exit code and a pattern for what
// it printed, stdout before stderr.
func (s smolvm) check(t *testing.T, number string, code int, pattern string, args ...string) reply {
	t.Helper()
	r := s.call(t, "", args...)
	if r.code != code {
		t.Errorf("check %s: smolvm %q ended with %d, want %d\n%s%s", number, args, r.code, code, r.out, r.err)
	}
	if !regexp.MustCompile("(?m)" + pattern).MatchString(r.out + r.err) {
		t.Errorf("check %s: smolvm %q printed no %q:\n%s%s", number, args, pattern, r.out, r.err)
	}
	return r
}

// keys are those that a machine has in JSON since 1.9.3.
var keys = strings.Fields("name state cpus memory_mib pid mounts ports created_at storage_gb overlay_gb image entrypoint cmd ephemeral gpu gpu_vram_mib cuda " +
	"forkable cuda_fork_pool_size cuda_vram_limit_mib forkpoint_held labels restart_policy restart_max_retries restart_count " +
	"health_cmd health_interval_secs health_timeout_secs health_retries health_startup_grace_secs network")

func atRest(t *testing.T, s smolvm) {
	s.check(t, "1", 0, `^smolvm \d+\.\d+\.\d+`, "--version")
	if r := s.check(t, "2", 0, "", "machine", "ls", "--json"); strings.TrimSpace(r.out) != "[]" {
		t.Errorf("check 2: %q", r.out)
	}
	s.check(t, "3", 0, "No machines found", "machine", "ls")
	if r := s.check(t, "4", 2, "", "machine", "ls", "--bogus"); r.out != "" || r.err == "" {
		t.Errorf("check 4: %+v", r)
	}
	s.check(t, "5", 1, `^Error: .*not found`, "machine", "status", "--name", "n")
	if r := s.check(t, "6", 1, `^Error: .*not found`, "machine", "status", "--name", "n", "--json"); r.out != "" {
		t.Errorf("check 6: %q", r.out)
	}
	s.check(t, "7", 1, "vm not found: n", "machine", "start", "--name", "n")
	s.check(t, "8", 1, "vm not found: n", "machine", "stop", "--name", "n")
	s.check(t, "9", 1, "vm not found: n", "machine", "delete", "--name", "n", "-f")
	s.check(t, "10", 1, "not found", "machine", "exec", "--name", "n", "--", "true")
	s.check(t, "11", 2, "", "machine", "delete", "-f")
	if r := s.call(t, "", "machine", "create", "--name", "-bad"); r.code == 0 {
		t.Error("check 12: a name that is an option")
	}
	s.check(t, "12", 1, "machine name", "machine", "create", "--name=a--b")
	s.check(t, "12", 1, "machine name", "machine", "create", "--name=a/b")
	s.check(t, "13", 0, "^Created machine: n$", "machine", "create", "--name", "n", "--cpus", "1", "--mem", "256", "--label", "owner=t", "--label", "k=a=b")
	s.check(t, "14", 1, "already exists", "machine", "create", "--name", "n")
	one := s.status(t, "n")
	for _, k := range keys {
		if _, ok := one[k]; !ok {
			t.Errorf("check 15: no %s", k)
		}
	}
	want := map[string]any{"state": "created", "pid": nil, "cpus": 1.0, "memory_mib": 256.0, "mounts": 0.0, "ports": 0.0,
		"labels": map[string]any{"owner": "t", "k": "a=b"}}
	for k, v := range want {
		if !reflect.DeepEqual(one[k], v) {
			t.Errorf("check 15: %s is %v, want %v", k, one[k], v)
		}
	}
	if all := s.list(t); len(all) != 1 || !reflect.DeepEqual(all[0], one) {
		t.Errorf("check 16: %v, want %v", all, one)
	}
	s.check(t, "17", 0, "Machine 'n': created", "machine", "status", "--name", "n")
	s.check(t, "18", 0, `is not running \(state: created\)`, "machine", "stop", "--name", "n")
	s.check(t, "19", 1, "machine 'n' is not running", "machine", "exec", "--name", "n", "--", "true")
	s.check(t, "20", 2, "", "machine", "exec", "-n", "n", "--", "true")
	s.check(t, "21", 2, "", "machine", "exec", "--name", "n")
	s.check(t, "22", 2, "", "machine", "exec", "--name", "n", "-d", "-i", "--", "true")
	s.check(t, "23", 2, "", "machine", "create", "--name", "m", "extra")
	s.check(t, "24", 1, "mount source not found", "machine", "create", "--name", "m", "-v", "/no/such:/x")
	s.check(t, "25", 1, "memory must be at least 64", "machine", "create", "--name", "m", "--mem", "1")
	if all := s.list(t); len(all) != 1 {
		t.Errorf("check 23 to 25: %d machines", len(all))
	}
	s.check(t, "26", 0, "Updated machine 'n'", "machine", "update", "--name", "n", "--mem", "512")
	if m := s.status(t, "n"); m["memory_mib"] != 512.0 {
		t.Errorf("check 26: %v", m["memory_mib"])
	}
	s.check(t, "27", 0, "No changes specified", "machine", "update", "--name", "n")
	s.check(t, "28", 1, "machine:path", "machine", "cp", "a", "b")
	s.check(t, "29", 1, "", "machine", "delete", "--name", "n")
	if all := s.list(t); len(all) != 1 {
		t.Error("check 29: a removal without -f removed it")
	}
	t.Run("typed", func(t *testing.T) { typedErrors(t, s) })
	s.check(t, "52", 0, "Deleted machine: n", "machine", "delete", "--name", "n", "-f")
	if all := s.list(t); len(all) != 0 {
		t.Errorf("check 52: %v", all)
	}
	// A question about a machine that never was leaves an empty folder of its
	// name, so only this one's counts.
	names, _ := filepath.Glob(filepath.Join(s.root, ".cache/smolvm/vms/*/name"))
	for _, p := range names {
		if name, err := os.ReadFile(p); err == nil && string(name) == "n" {
			t.Errorf("check 52: left behind: %s", p)
		}
	}
}

// typedErrors are the codes that came with --error-format json.
func typedErrors(t *testing.T, s smolvm) {
	for _, c := range []struct {
		code string
		args []string
	}{
		{"CONFIG_ERROR", []string{"machine", "status", "--json", "--name", "x"}},
		{"NOT_FOUND", []string{"machine", "status", "--name", "x"}},
		{"NOT_FOUND", []string{"machine", "stop", "--name", "x"}},
		{"NOT_FOUND", []string{"machine", "logs", "--name", "x"}},
		{"NOT_FOUND", []string{"machine", "create", "--name", "m", "-v", "/no/such:/x"}},
		{"CONFIG_ERROR", []string{"machine", "create", "--name", "n"}},
		{"CONFIG_ERROR", []string{"machine", "create", "--name", "m", "--mem", "1"}},
		{"MOUNT_ERROR", []string{"machine", "create", "--name", "m", "-v", "/etc/passwd:/x"}},
		{"SMOLVM_ERROR", []string{"machine", "exec", "--name", "n", "--", "true"}},
	} {
		r := s.call(t, "", append([]string{"--error-format", "json"}, c.args...)...)
		lines := strings.Split(strings.TrimSpace(r.err), "\n")
		var told struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &told); err != nil || told.Error.Code != c.code || told.Error.Message == "" {
			t.Errorf("%q: want %s, got %q (%v)", c.args, c.code, r.err, err)
		}
	}
}

func (s smolvm) status(t *testing.T, name string) map[string]any {
	t.Helper()
	r := s.check(t, "status", 0, "", "machine", "status", "--name", name, "--json")
	var m map[string]any
	if err := json.Unmarshal([]byte(r.out), &m); err != nil {
		t.Fatalf("status %s: %v: %q", name, err, r.out)
	}
	return m
}

func (s smolvm) list(t *testing.T) (all []map[string]any) {
	t.Helper()
	r := s.check(t, "list", 0, "", "machine", "ls", "--json")
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		t.Fatalf("list: %v: %q", err, r.out)
	}
	return all
}

// begin starts a machine. On a busy host one boot in a few does not succeed,
// and the next one does.
func (s smolvm) begin(t *testing.T, name string) {
	t.Helper()
	var r reply
	for range 3 {
		if r = s.call(t, "", "machine", "start", "--name", name); r.code == 0 {
			return
		}
		s.call(t, "", "machine", "stop", "--name", name)
	}
	t.Fatalf("start: %d, %s", r.code, r.err)
}

const keepAlive = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.2; done"

func whileRunning(t *testing.T, s smolvm) {
	r := s.call(t, "", "machine", "create", "--name", "n", "--cpus", "1", "--mem", "256", "--storage", "1", "--overlay", "1",
		"--image", imageArchive(t, nil), "--secret-env", "TOKEN=FROM_HERE", "--", "sh", "-c", keepAlive)
	if r.code != 0 {
		t.Fatalf("create: %+v", r)
	}
	t.Cleanup(func() { s.command(context.Background(), "machine", "delete", "-f", "--name", "n").Run() })
	s.check(t, "A5", 1, "env_unset", "machine", "start", "--name", "n")
	s.env = []string{"FROM_HERE=sesame-4711"} // every call must have it from here on
	s.begin(t, "n")
	m := s.status(t, "n")
	pid, _ := m["pid"].(float64)
	if m["state"] != "running" || syscall.Kill(int(pid), 0) != nil {
		t.Errorf("check 30: %v", m)
	}
	again := s.check(t, "31", 0, "already running", "machine", "start", "--name", "n")
	if !strings.Contains(again.out, fmt.Sprintf("PID: %d", int(pid))) {
		t.Errorf("check 31: %q", again.out)
	}
	inside := func(number string, code int, stdin string, args ...string) reply {
		t.Helper()
		r := s.call(t, stdin, append([]string{"machine", "exec", "--name", "n"}, args...)...)
		if r.code != code {
			t.Errorf("check %s: %q ended with %d, want %d: %s%s", number, args, r.code, code, r.out, r.err)
		}
		return r
	}
	if r := inside("32", 7, "", "--", "sh", "-c", "echo o; echo e >&2; exit 7"); r.out != "o\n" || !strings.HasSuffix(r.err, "e\n") {
		t.Errorf("check 32: %+v", r)
	}
	bytes := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{7}).Read(bytes)
	if r := inside("33", 0, string(bytes), "-i", "--", "cat"); r.out != string(bytes) {
		t.Errorf("check 33: %d bytes", len(r.out))
	}
	if r := inside("34", 0, "x", "--", "cat"); r.out != "" {
		t.Errorf("check 34: %q", r.out)
	}
	inside("35", 137, "", "-i", "--", "sh", "-c", "kill -9 $$")
	inside("36", 124, "", "--timeout", "2s", "--", "sleep", "30")
	inside("37", 127, "", "-i", "--", "sh", "-c", "nosuchcmd")
	if r := s.call(t, "", "machine", "exec", "--name", "n", "--", "/no/such"); r.code == 0 {
		t.Error("check 38: ended well")
	}
	if r := inside("39", 0, "", "-e", "A=1", "-e", "B=x y", "-w", "/tmp", "--", "sh", "-c", `printf %s:%s:%s "$A" "$B" "$PWD"`); r.out != "1:x y:/tmp" {
		t.Errorf("check 39: %q", r.out)
	}
	if r := inside("40", 0, "", "-d", "--", "sleep", "60"); !regexp.MustCompile(`^\d+\n$`).MatchString(r.out) {
		t.Errorf("check 40: %q", r.out)
	}
	if r := inside("A5", 0, "", "-i", "-u", "0:0", "--", "sh", "-c", `id -u; echo "$TOKEN"`); r.out != "0\nsesame-4711\n" {
		t.Errorf("a variable by --secret-env: %q", r.out)
	}
	s.secretIsNowhere(t, "sesame-4711")
	s.cancelledCommand(t)
	s.fiveAtOnce(t)
	s.copies(t)
	s.check(t, "46", 1, "invalid vm state", "machine", "update", "--name", "n", "--mem", "256")
	inside("47", 0, "", "--", "sh", "-c", "echo kept > /root/p")
	s.check(t, "48", 0, "Stopped machine: n", "machine", "stop", "--name", "n", "--timeout", "10")
	s.check(t, "48", 0, "is not running", "machine", "stop", "--name", "n")
	if m := s.status(t, "n"); m["state"] != "stopped" {
		t.Errorf("check 48: %v", m["state"])
	}
	s.logKeeps(t, "up\nbye\n")
	s.begin(t, "n")
	if r := inside("47", 0, "", "--", "cat", "/root/p"); r.out != "kept\n" {
		t.Errorf("check 47: %q", r.out)
	}
	s.killedMachine(t)
	s.twoStarts(t)
	s.killedStart(t)
	s.check(t, "52", 0, "Deleted machine: n", "machine", "delete", "--name", "n", "-f")
	if left := s.processes(t); len(left) > 0 {
		t.Errorf("check 51: left behind: %v", left)
	}
}

// secretIsNowhere looks for a value in what smolvm keeps of a machine, its
// disks aside, and in the arguments of every process.
func (s smolvm) secretIsNowhere(t *testing.T, secret string) {
	t.Helper()
	err := filepath.WalkDir(s.root, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(p, ".raw") || strings.Contains(p, "/rootfs/") {
			return nil
		}
		if text, err := os.ReadFile(p); err == nil && strings.Contains(string(text), secret) {
			t.Errorf("the value of a variable is in %s", p)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range lines {
		if text, err := os.ReadFile(p); err == nil && strings.Contains(string(text), secret) {
			t.Errorf("the value of a variable is in %s", p)
		}
	}
}

func (s smolvm) cancelledCommand(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := s.command(ctx, "machine", "exec", "--name", "n", "-i", "--", "sh", "-c", "exec sleep 1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running := func() bool {
		r := s.call(t, "", "machine", "exec", "--name", "n", "--", "ps")
		return strings.Contains(r.out, "sleep 1000")
	}
	for end := time.Now().Add(30 * time.Second); !running() && time.Now().Before(end); {
	}
	cancel()
	_ = cmd.Wait()
	for end := time.Now().Add(30 * time.Second); running(); {
		if time.Now().After(end) {
			t.Error("check 42: the command outlives its client")
			return
		}
	}
}

func (s smolvm) fiveAtOnce(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			r := s.call(t, "", "machine", "exec", "--name", "n", "-i", "--", "sh", "-c", "echo "+strconv.Itoa(i))
			if r.out != strconv.Itoa(i)+"\n" {
				t.Errorf("check 43: command %d printed %q, %q", i, r.out, r.err)
			}
		})
	}
	wg.Wait()
}

func (s smolvm) copies(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte("over there\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.check(t, "44", 0, "", "machine", "cp", in, "n:/root/d/f")
	s.check(t, "44", 0, "", "machine", "cp", "n:/root/d/f", out)
	if text, err := os.ReadFile(out); string(text) != "over there\n" {
		t.Errorf("check 44: %q, %v", text, err)
	}
	s.check(t, "45", 1, "Error: ", "machine", "cp", "n:/nope", filepath.Join(dir, "none"))
}

// logKeeps compares the log with what must be in it, and the file that we
// read with what smolvm prints.
func (s smolvm) logKeeps(t *testing.T, want string) {
	t.Helper()
	r := s.check(t, "A6", 0, "", "machine", "logs", "--name", "n")
	if r.out != want {
		t.Errorf("the log holds %q, want %q", r.out, want)
	}
	files, _ := filepath.Glob(filepath.Join(s.root, ".cache/smolvm/vms/*/workload.log"))
	if len(files) != 1 {
		t.Fatalf("files of logs: %v", files)
	}
	if text, err := os.ReadFile(files[0]); string(text) != r.out {
		t.Errorf("the file of the log holds %q, %v", text, err)
	}
}

func (s smolvm) killedMachine(t *testing.T) {
	t.Helper()
	pid, _ := s.status(t, "n")["pid"].(float64)
	if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); s.status(t, "n")["state"] != "stopped"; {
		if time.Now().After(end) {
			t.Fatalf("check 49: %v", s.status(t, "n"))
		}
	}
	s.begin(t, "n")
	s.check(t, "49", 0, "", "machine", "stop", "--name", "n", "--timeout", "0")
}

func (s smolvm) twoStarts(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { s.call(t, "", "machine", "start", "--name", "n") })
	}
	wg.Wait()
	if left := s.processes(t); len(left) > 1 {
		t.Errorf("check 50: %d machines run: %v", len(left), left)
	}
	s.check(t, "50", 0, "", "machine", "stop", "--name", "n", "--timeout", "0")
	s.begin(t, "n")
	s.check(t, "50", 0, "", "machine", "stop", "--name", "n", "--timeout", "0")
}

// killedStart: only a stop finds what a killed start leaves.
func (s smolvm) killedStart(t *testing.T) {
	t.Helper()
	cmd := s.command(t.Context(), "machine", "start", "--name", "n")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(60 * time.Second); len(s.processes(t)) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	s.check(t, "51", 0, "", "machine", "stop", "--name", "n", "--timeout", "0")
}

// processes are the micro-VMs of this data root.
func (s smolvm) processes(t *testing.T) (found []string) {
	t.Helper()
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range lines {
		text, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(text), "_boot-vm\x00"+s.root+"/") {
			found = append(found, filepath.Base(filepath.Dir(p)))
		}
	}
	return found
}
