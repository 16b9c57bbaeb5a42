package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/fakesmolvm"
)

// smolvm is the fake command line with a data folder of its own: what counts
// is what we add to its calls, not what a machine takes to boot.
type smolvm struct{ path, root string }

func (s smolvm) call(args ...string) *exec.Cmd {
	c := exec.Command(s.path, args...)
	// The values of a machine's variables are none here.
	c.Env = append(os.Environ(), "HOME="+s.root, "SMOLVM_DATA_DIR="+s.root)
	return c
}

func (s smolvm) run(args ...string) func() error {
	return func() error { return runQuietly(s.call(args...)) }
}

// begin starts a machine and waits until its main process runs, as start and
// resume do: the record tells.
func (s smolvm) begin(name string) func() error {
	sum := sha256.Sum256([]byte(name))
	record := filepath.Join(s.root, ".cache", "smolvm", "vms", hex.EncodeToString(sum[:])[:16], "workload.log")
	began := func() int {
		text, err := os.ReadFile(record)
		if err != nil {
			return 0
		}
		return bytes.Count(text, []byte(`"started"`))
	}
	return func() error {
		before := began()
		if err := s.run("machine", "start", "--name", name)(); err != nil {
			return err
		}
		for end := time.Now().Add(10 * time.Second); began() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("the main process of %s does not begin", name)
			}
		}
		return nil
	}
}

// like is the call that makes a machine as bot-bottle made another, and the id
// of its image.
func (s smolvm) like(model, name string) (create []string, image string, err error) {
	text, err := s.call("machine", "status", "--json", "--name", model).Output()
	if err != nil {
		return nil, "", fmt.Errorf("look at %s: %w", model, err)
	}
	var m struct {
		Cmd    []string
		Labels map[string]string
	}
	var facts struct{ Guest, Image string }
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, "", fmt.Errorf("what is %s: %w", model, err)
	}
	if err := json.Unmarshal([]byte(m.Labels["bot-bottle.facts"]), &facts); err != nil {
		return nil, "", fmt.Errorf("facts of %s: %w", model, err)
	}
	file := filepath.Join(s.root, ".local", "share", "bot-bottle", "images", strings.TrimPrefix(facts.Image, "sha256:")+".tar")
	args := []string{"machine", "create", "--name", name, "--image", file, "--cpus", "2", "--mem", "2048",
		"--storage", "20", "--overlay", "1", "--user", "0:0", "--volume", facts.Guest + ":/.bot-bottle:ro", "--"}
	return append(args, m.Cmd...), facts.Image, nil
}

// machines measures start, exec, stop and resume of whole bot-bottle processes
// on smolmachines against the calls of smolvm that do the same.
func machines(bottle, dir string, rounds int) (rows []row, err error) {
	s := smolvm{root: filepath.Join(dir, "smolvm-data")}
	root := filepath.Join(dir, "rootfs")
	if err := errors.Join(os.Mkdir(s.root, 0o700), os.MkdirAll(filepath.Join(root, "bin"), 0o755)); err != nil {
		return nil, err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("find busybox: %w", err)
	}
	text, err := os.ReadFile(busybox)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "busybox"), text, 0o755)
	}
	if err == nil { // a layer that is not small, as those of real images
		err = os.WriteFile(filepath.Join(root, "filler"), make([]byte, 8<<20), 0o644)
	}
	if err == nil {
		s.path, err = fakesmolvm.Install(dir)
	}
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"BOT_BOTTLE_SMOLVM": s.path, "SMOLVM_DATA_DIR": s.root} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	p := program{bottle, filepath.Join(dir, "machines")}
	start := func(slug, image string) error {
		return p.run(append([]string{"start", "-d", "--backend", "smolmachines", "--network", "none", "--image", image, "--pull", "never", "--name", slug, "--"}, agent...)...)
	}
	if err := start("bench-model", root); err != nil {
		return nil, err
	}
	const slug, name = "bench-bottle", "bench-bare"
	defer func() {
		if err != nil { // in the middle of a life
			_ = p.run("rm", "--force", slug)
			_ = s.run("machine", "stop", "--name", name, "--timeout", "0")()
		}
		err = errors.Join(err, p.run("rm", "--force", "bench-model"))
	}()
	create, image, err := s.like("bot-bottle-bench-model", name)
	if err != nil {
		return nil, err
	}
	begin := s.begin(name)
	// Whose the machine is takes a call, and that is a process.
	look, err := interleave(rounds, side{"machine status", timed(s.run("machine", "status", "--json", "--name", "bot-bottle-bench-model"))})
	if err != nil {
		return nil, err
	}
	within := func(what string, ours, theirs time.Duration) row {
		return overCall(what, "bare smolvm calls", ours, theirs, 15*time.Millisecond, look[0])
	}
	return compare(rounds, within, []step{
		{"start -d, smolmachines", func() error { return start(slug, image) }, func() error { return errors.Join(s.run(create...)(), begin()) }, true},
		{"exec, smolmachines", func() error { return p.run("exec", slug, "--", "/busybox", "true") },
			s.run("machine", "exec", "--name", name, "--", "/busybox", "true"), true},
		{"stop, smolmachines", func() error { return p.run("stop", slug) }, s.run("machine", "stop", "--name", name, "--timeout", "10"), true},
		{"resume -d, smolmachines", func() error { return p.run("resume", "-d", slug) }, begin, true},
		{"rm --force, smolmachines", func() error { return p.run("rm", "--force", slug) },
			func() error {
				return errors.Join(s.run("machine", "stop", "--name", name, "--timeout", "0")(), s.run("machine", "delete", "-f", "--name", name)())
			}, false},
	})
}

// step is one verb of a life, as bot-bottle does it and as it is done
// directly. One that does not count is no row of the table.
type step struct {
	what         string
	ours, theirs func() error
	counts       bool
}

// compare goes through whole lives on both sides, side by side, and has within
// make a row of each step.
func compare(rounds int, within func(what string, ours, theirs time.Duration) row, steps []step) (rows []row, err error) {
	took := make([][2][]time.Duration, len(steps))
	for round := range rounds + 1 {
		for i, s := range steps {
			for _, who := range []int{round % 2, 1 - round%2} {
				d, err := timed([]func() error{s.ours, s.theirs}[who])()
				if err != nil {
					return nil, fmt.Errorf("%s, round %d: %w", s.what, round, err)
				}
				if round > 0 {
					took[i][who] = append(took[i][who], d)
				}
			}
		}
	}
	for i, s := range steps {
		if s.counts {
			rows = append(rows, within(s.what, median(took[i][0]), median(took[i][1])))
		}
	}
	return rows, nil
}
