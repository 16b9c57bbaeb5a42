package smolmachines

import (
	"os"
	"os/exec"
	"path/filepath"
)

// scoped wraps a start into a scope of the user's systemd where there is one.
// A micro-VM stays in the control group of whoever starts it, and would
// otherwise end with the session or the service that we are called from.
func (b *Backend) scoped(p program, args []string) (string, []string) {
	runtime := b.getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		return p.Path, args
	}
	// where systemd --user listens: sd_bus_open_user(3), systemd-run(1)
	if _, err := os.Stat(filepath.Join(runtime, "systemd", "private")); err != nil {
		return p.Path, args
	}
	run, err := exec.LookPath("systemd-run")
	if err != nil {
		return p.Path, args
	}
	return run, append([]string{"--user", "--scope", "--quiet", "--collect", "--", p.Path}, args...)
}
