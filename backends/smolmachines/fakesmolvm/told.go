package fakesmolvm

import (
	"encoding/json"
	"fmt"
	"os"
)

// describe has every key of smolvm 1.32.2.
func (w *world) describe(r *record) map[string]any {
	var pid, image any
	if r.PID != 0 {
		pid = r.PID
	}
	if r.Image != "" {
		image = r.Image
	}
	m := map[string]any{
		"name": r.Name, "state": w.state(r), "state_reason": nil, "pid": pid, "created_at": r.Created, "labels": r.Labels,
		"cpus": r.CPUs, "memory_mib": r.Memory, "storage_gb": r.Storage, "overlay_gb": r.Overlay, "image": image,
		"entrypoint": []string{}, "cmd": orEmpty(r.Cmd), "mounts": len(r.Volumes), "ports": len(r.Ports), "network": r.Net,
		"ephemeral": false, "detached": false, "disks": []string{}, "block_io": "sync", "disk_durability": "full",
		"branchable": false, "branchpoint_held": false, "forkable": false, "forkpoint_held": false, "parent_machine": nil,
		"gpu": false, "gpu_vram_mib": nil, "cuda": false, "cuda_branch_pool_size": nil, "cuda_fork_pool_size": nil, "cuda_vram_limit_mib": nil,
		"restart_policy": "never", "restart_max_retries": 0, "restart_count": 0, "health_cmd": nil, "health_interval_secs": nil,
		"health_timeout_secs": nil, "health_retries": nil, "health_startup_grace_secs": nil,
	}
	if w.faults.NewKeys {
		m["phase_of_the_moon"] = map[string]any{"full": true, "since": []int{1, 2}}
	}
	return m
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func show(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (w *world) status(o options) error {
	r, err := w.load(o.last("--name"))
	switch {
	case err != nil:
		return err
	case r == nil && o.has("--json"):
		return failf("CONFIG_ERROR", "config operation failed: machine status: machine '%s' not found", o.last("--name"))
	case r == nil:
		return failf("NOT_FOUND", "vm not found: %s", o.last("--name"))
	case o.has("--json"):
		return show(w.describe(r))
	}
	fmt.Printf("Machine '%s': %s\n", r.Name, w.state(r))
	return nil
}

func (w *world) list(o options) error {
	all, err := w.all()
	if err != nil {
		return err
	}
	if o.has("--json") {
		out := []any{}
		for _, r := range all {
			out = append(out, w.describe(r))
		}
		return show(out)
	}
	if len(all) == 0 {
		fmt.Println("No machines found")
	}
	for _, r := range all {
		fmt.Println(r.Name, w.state(r))
	}
	return nil
}
