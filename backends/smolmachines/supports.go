package smolmachines

import (
	"fmt"
	"os"
	"path"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

const (
	networkNone = "none"
	networkFull = "full"
)

// Supports names the flags that smolvm cannot enforce for this spec, each with
// the reason where the flag alone is no news.
func Supports(spec backends.InstanceSpec) (refused []string) {
	if spec.ReadOnly {
		refused = append(refused, "--read-only")
	}
	if spec.Runtime != "" {
		refused = append(refused, "--runtime")
	}
	if spec.CPUs != float64(int(spec.CPUs)) {
		refused = append(refused, "--cpus (a machine has whole processors)")
	}
	for _, p := range spec.Ports {
		if why := refusedPort(p, spec.Network); why != "" {
			refused = append(refused, fmt.Sprintf("--publish %d:%d (%s)", p.HostPort, p.GuestPort, why))
		}
	}
	for _, m := range spec.Mounts {
		if why := refusedMount(m); why != "" {
			refused = append(refused, fmt.Sprintf("the mount of %s (%s)", m.Source, why))
		}
	}
	return refused
}

func refusedPort(p backends.Port, network string) string {
	switch {
	case network == networkNone:
		return "there is no network"
	case p.Protocol != "tcp":
		return "tcp only"
	case p.HostIP != "127.0.0.1":
		return "on 127.0.0.1 only"
	case p.HostPort == 0:
		return "the port on the host must be named"
	}
	return ""
}

// protected are the folders of a host that smolvm mounts neither themselves
// nor anything below (src/data/storage.rs).
var protected = []string{"/var/run", "/var/log", "/etc", "/boot", "/usr", "/bin", "/sbin", "/lib", "/proc", "/sys", "/dev", "/run"}

// refusedMount says why a mount cannot be made. A source that is not there is
// for Create to refuse, like everything that depends on the moment.
func refusedMount(m backends.Mount) string {
	for _, p := range []string{m.Source, m.Target} {
		if strings.ContainsAny(p, ":\n\x00") {
			return "a path with a colon or a line break cannot be written in an option of smolvm"
		}
	}
	if strings.ContainsAny(m.Target, " \t\\") {
		return "smolvm loses a target with a space or a backslash in it"
	}
	switch target := path.Clean(m.Target); {
	case target == "/":
		return "a mount cannot cover the root"
	case within(target, "/proc") || within(target, "/sys") || within(target, "/dev") || within(target, guestDir):
		return "the guest needs that place itself"
	}
	if m.Source == "/" || path.Clean(m.Source) == "/var" {
		return "smolvm mounts no folder that holds the system"
	}
	for _, p := range protected {
		if within(path.Clean(m.Source), p) {
			return "smolvm mounts nothing from " + p
		}
	}
	if st, err := os.Stat(m.Source); err == nil && !st.IsDir() {
		return "smolvm mounts folders only, and this is a file; a git work tree can be had with --clone, or read-only"
	}
	return ""
}

// within says whether a path is a folder or lies below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
