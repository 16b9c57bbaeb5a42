package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// volumesDir holds the named folders, below the home. They are shared by
// bottles and never removed by rm.
const volumesDir = "volumes"

// parseVolume reads SRC:DST[:ro]. A bare word as SRC is a named folder of
// ours; everything else is a path of the host, which must exist.
func (m *Manager) parseVolume(cwd, s string) (events.Mount, error) {
	bad := func(why string) (events.Mount, error) {
		return events.Mount{}, usage("-v %s: %s; it takes SRC:DST[:ro]", s, why)
	}
	spec, ro := strings.CutSuffix(s, ":ro")
	if !ro {
		spec = strings.TrimSuffix(spec, ":rw")
	}
	src, dst, ok := strings.Cut(spec, ":")
	switch {
	case !ok || src == "" || dst == "":
		return bad("a part is missing")
	case strings.Contains(dst, ":"):
		return bad("there is a part too many")
	case !filepath.IsAbs(dst):
		return bad("DST is not an absolute path")
	case filepath.Clean(dst) == "/":
		return bad("DST is the root of the bottle")
	}
	mt := events.Mount{Target: filepath.Clean(dst), ReadOnly: ro}
	if isVolumeName(src) {
		mt.Volume, mt.Source = src, filepath.Join(m.Home, volumesDir, src)
		return mt, nil
	}
	src, err := m.hostPath(cwd, src)
	if err != nil {
		return events.Mount{}, &Problem{Code: CodeUsage, Message: "-v " + s, Err: err}
	}
	mt.Source = src
	return mt, nil
}

func isVolumeName(s string) bool {
	for i, r := range s {
		if !slugRune(r) && !(r >= 'A' && r <= 'Z') && r != '_' && (r != '.' || i == 0) || i == 0 && r == '-' {
			return false
		}
	}
	return s != ""
}

// hostPath makes a path absolute, with ~ for the user's home, and checks that
// it exists. Links stay as they are: the mount follows them.
func (m *Manager) hostPath(cwd, p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") {
		p = filepath.Join(m.getenv("HOME"), strings.TrimPrefix(p, "~"))
	}
	if !filepath.IsAbs(p) {
		p = filepath.Join(cwd, p)
	}
	p = filepath.Clean(p)
	_, err := os.Stat(p)
	return p, err
}

// engineSockets are where engines listen: a mount of one is the host.
var engineSockets = []string{
	"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
}

// riskyTrees may neither be mounted nor be reached through a mount: what is
// in them opens the host.
var riskyTrees = []string{"/proc", "/sys", "/dev"}

// riskyInHome are the same below the user's home.
var riskyInHome = []string{".ssh", ".gnupg", ".aws"}

// checkRisk refuses a source that would hand the bottle the host, our own
// records or the user's keys. Links are resolved first.
func (m *Manager) checkRisk(src, endpoint string) error {
	real, err := filepath.EvalSymlinks(src)
	if err != nil {
		return &Problem{Code: CodeUsage, Message: "mount " + src, Err: err}
	}
	refuse := func(why string) error {
		return &Problem{Code: CodeUsage, Message: fmt.Sprintf("mounting %s %s: refused without --allow-host-risk", src, why)}
	}
	if real == "/" {
		return refuse("is mounting the whole host")
	}
	for _, t := range riskyTrees {
		if within(t, real) {
			return refuse("reaches " + t)
		}
	}
	if home := m.getenv("HOME"); home != "" {
		for _, d := range riskyInHome {
			t := resolved(filepath.Join(home, d))
			if within(t, real) || within(real, t) && exists(t) {
				return refuse("reaches " + filepath.Join("~", d))
			}
		}
	}
	ours := resolved(m.Home)
	if within(ours, real) && !within(filepath.Join(ours, volumesDir), real) || within(real, ours) {
		return refuse("reaches bot-bottle's own records in " + m.Home)
	}
	for _, s := range append(engineSockets, socketOf(endpoint)) {
		if s == "" || !exists(s) {
			continue
		}
		if s = resolved(s); within(real, s) {
			return refuse("reaches the engine's socket " + s)
		}
	}
	return nil
}

// socketOf is the path of a unix:// endpoint, or "".
func socketOf(endpoint string) string {
	p, ok := strings.CutPrefix(endpoint, "unix://")
	if !ok {
		return ""
	}
	p, _, _ = strings.Cut(p, "?")
	return p
}

// within says whether path is dir or lies below it. Both are clean.
func within(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func resolved(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return filepath.Clean(p)
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}

// makeSources makes what a mount needs and does not find: named folders, and
// the guarded folders of a git directory, which git itself makes in every new
// repository.
func makeSources(mounts []events.Mount) error {
	for _, mt := range mounts {
		var err error
		switch {
		case mt.Volume != "":
			err = os.MkdirAll(mt.Source, 0o700)
		case mt.Guard && !exists(mt.Source):
			err = os.Mkdir(mt.Source, 0o755)
		}
		if err != nil {
			return fmt.Errorf("make the source of the mount at %s: %w", mt.Target, err)
		}
	}
	return nil
}
