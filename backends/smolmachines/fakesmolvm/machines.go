package fakesmolvm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

func (w *world) create(o options) error {
	r := &record{Name: o.last("--name"), State: "created", Created: time.Now().Unix(), Labels: map[string]string{},
		CPUs: 4, Memory: 8192, Cmd: o.words, Workdir: o.last("--workdir"), User: o.last("--user"),
		Secrets: o.flags["--secret-env"], Ports: o.flags["--port"],
		Net: o.has("--net") || o.has("--block-private") || o.has("--deny-cidr")}
	if !nameForm.MatchString(r.Name) || strings.HasSuffix(r.Name, "-") || strings.Contains(r.Name, "--") {
		return failf("CONFIG_ERROR", "config operation failed: create machine: machine name %q is not valid", r.Name)
	}
	for _, kv := range o.flags["--label"] {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return usage("invalid value '" + kv + "' for '--label <KEY=VALUE>'")
		}
		r.Labels[k] = v
	}
	for _, kv := range o.flags["--env"] {
		if k, _, ok := strings.Cut(kv, "="); ok && k != "" { // others are dropped without a word
			r.Env = append(r.Env, kv)
		}
	}
	if err := numbers(o, r); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, v := range o.flags["--volume"] {
		parts := strings.Split(v, ":")
		st, err := os.Stat(parts[0])
		switch {
		case len(parts) < 2 || len(parts) > 3:
			return failf("NOT_FOUND", "mount source not found: %s", v)
		case err != nil:
			return failf("NOT_FOUND", "mount source not found: %s", parts[0])
		case !st.IsDir():
			return failf("MOUNT_ERROR", "mount operation failed: validate host path: source path on host must be a directory (virtiofs limitation): %s", parts[0])
		case !filepath.IsAbs(parts[1]):
			return failf("MOUNT_ERROR", "mount operation failed: validate guest path: target path on guest should be an absolute directory: %s", parts[1])
		case seen[parts[1]]:
			return failf("MOUNT_ERROR", "mount operation failed: validate mounts: duplicate mount target: %s is specified more than once", parts[1])
		}
		seen[parts[1]] = true
		r.Volumes = append(r.Volumes, volume{parts[0], parts[1], len(parts) == 3 && parts[2] == "ro"})
	}
	if err := w.keepArchive(o.last("--image")); err != nil {
		return err
	}
	return w.locked(func() error {
		if there, err := w.load(r.Name); err != nil || there != nil {
			return errors.Join(err, failf("CONFIG_ERROR", "config operation failed: create machine: machine '%s' already exists or is being created", r.Name))
		}
		if err := w.unpack(r, o.last("--image")); err != nil {
			return err
		}
		if err := w.save(r); err != nil {
			return err
		}
		fmt.Printf("Created machine: %s\n  CPUs: %d, Memory: %d MiB\n", r.Name, r.CPUs, r.Memory)
		if len(r.Volumes) > 0 {
			fmt.Printf("  Mounts: %d\n", len(r.Volumes))
		}
		fmt.Printf("\nUse 'smolvm machine start --name %s' to start the machine\n", r.Name)
		return nil
	})
}

func numbers(o options, r *record) error {
	for name, to := range map[string]*int{"--cpus": &r.CPUs, "--mem": &r.Memory} {
		if o.has(name) {
			n, err := strconv.Atoi(o.last(name))
			if err != nil {
				return usage("invalid value for '" + name + "'")
			}
			*to = n
		}
	}
	for name, to := range map[string]**int{"--storage": &r.Storage, "--overlay": &r.Overlay} {
		if o.has(name) {
			n, err := strconv.Atoi(o.last(name))
			if err != nil || n < 1 {
				return usage("invalid value for '" + name + "'")
			}
			*to = &n
		}
	}
	switch {
	case r.CPUs < 1:
		return failf("CONFIG_ERROR", "config operation failed: validate resources: CPU count must be at least 1")
	case r.Memory < 64:
		return failf("CONFIG_ERROR", "config operation failed: validate resources: memory must be at least 64 MiB (got %d MiB)", r.Memory)
	}
	return nil
}

func (w *world) update(o options) error {
	return w.locked(func() error {
		r, err := w.named(o)
		switch {
		case err != nil:
			return err
		case w.state(r) == "running":
			return failf("CONFLICT", "invalid vm state: expected stopped, got Running")
		case !o.has("--cpus") && !o.has("--mem"):
			fmt.Println("No changes specified.")
			return nil
		}
		if err := numbers(o, r); err != nil {
			return err
		}
		fmt.Printf("Updated machine '%s':\n", r.Name)
		return w.save(r)
	})
}

func (w *world) delete(o options) error {
	if !o.has("--name") {
		return usage("the following required arguments were not provided: --name <NAME>")
	}
	r, err := w.named(o)
	if err != nil {
		return err
	}
	if err := w.halt(r); err != nil {
		return err
	}
	if !o.has("--force") {
		return failf("SMOLVM_ERROR", "stdin is not a terminal, so machine '%s' was not deleted; pass --force", r.Name)
	}
	return w.locked(func() error {
		if there, err := w.load(r.Name); err != nil || there == nil {
			return errors.Join(err, failf("NOT_FOUND", "vm not found: %s", r.Name))
		}
		fmt.Println("Cleaning up data directory for vm:", r.Name)
		if err := os.RemoveAll(w.machineDir(r.Name)); err != nil {
			return err
		}
		fmt.Println("Deleted machine:", r.Name)
		return errors.Join(os.Remove(w.recordFile(r.Name)), w.wrote())
	})
}

// halt ends the VM that the record knows of, and no other.
func (w *world) halt(r *record) error {
	if !w.alive(r.PID, r.Name) || r.State != "running" {
		return nil
	}
	fmt.Printf("Stopping machine '%s'...\n", r.Name)
	if err := w.end(r.PID, r.Name); err != nil {
		return err
	}
	r.State, r.PID = "stopped", 0
	return w.locked(func() error { return w.save(r) })
}

func (w *world) logs(o options) error {
	r, err := w.named(o)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(w.machineDir(r.Name, "workload.log"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if n, err := strconv.Atoi(o.last("--tail")); err == nil {
		lines := strings.SplitAfter(string(text), "\n")
		if len(lines) > 0 && lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		text = []byte(strings.Join(lines[max(0, len(lines)-n):], ""))
	}
	_, err = os.Stdout.Write(text)
	return err
}

func (w *world) dataDir(o options) error {
	r, err := w.named(o)
	if err == nil {
		fmt.Println(w.machineDir(r.Name))
	}
	return err
}

// resume of a machine that is not paused says nothing of it.
func (w *world) resume(o options) error {
	_, err := w.named(o)
	return err
}

// copy has the grammar of smolvm's cp, of which no more is needed.
func (w *world) copy(o options) error {
	if len(o.words) != 2 {
		return usage("the following required arguments were not provided: <SRC> <DST>")
	}
	name, path, ok := strings.Cut(o.words[0], ":")
	if !ok {
		if name, path, ok = strings.Cut(o.words[1], ":"); !ok {
			return failf("CONFIG_ERROR", "config operation failed: cp: one of SRC or DST must use machine:path syntax")
		}
		file, err := os.Open(o.words[0])
		if err != nil {
			return failf("SMOLVM_ERROR", "agent operation failed: write file: read local file: %v", err)
		}
		defer file.Close()
		return w.inside(name, []string{"sh", "-c", `mkdir -p "${0%/*}" && cat > "$0"`, path}, file, io.Discard)
	}
	var buf strings.Builder
	if err := w.inside(name, []string{"cat", path}, nil, &buf); err != nil {
		return failf("SMOLVM_ERROR", "agent operation failed: read file: %s: no such file", path)
	}
	return os.WriteFile(o.words[1], []byte(buf.String()), 0o644)
}

func (w *world) inside(name string, argv []string, in io.Reader, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return pipeTo(self, append([]string{"machine", "exec", "--name", name, "-i", "--"}, argv...), in, bufio.NewWriter(out))
}
