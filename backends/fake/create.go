package fake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}$`)

func (b *backend) Create(ctx context.Context, s backends.InstanceSpec) (made backends.Instance, err error) {
	err = b.around(ctx, "create", s.Name, func() error {
		if err := b.check(&s); err != nil {
			return err
		}
		if s.Network == "full" {
			if err := b.network(ctx, s); err != nil {
				return err
			}
		}
		r, err := b.make(ctx, s, b.machine, s.Labels.Pairs(s.Slug))
		if err != nil {
			return err
		}
		if r.owner() != s.Labels {
			return fmt.Errorf("%w: %s exists", backends.ErrNotOurs, s.Name)
		}
		engine, err := b.whoAmI(ctx)
		made = backends.Instance{ID: r.ID, Runtime: s.Runtime, EngineID: engine, Version: version, Session: r.session()}
		return err
	})
	return made, err
}

// check refuses what cannot be made and fills in what the image says.
func (b *backend) check(s *backends.InstanceSpec) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", backends.ErrBadRequest, fmt.Sprintf(format, args...))
	}
	if !nameForm.MatchString(s.Name) {
		return bad("instance name %q", s.Name)
	}
	i, err := b.image(s.Image.ID)
	if err != nil {
		return err
	}
	if len(s.Argv) == 0 {
		s.Argv = i.Argv
	}
	if len(s.Argv) == 0 {
		return bad("image %s has no command and none is given", i.Name)
	}
	if s.Workdir == "" {
		s.Workdir = "/"
	}
	if !path.IsAbs(s.Workdir) {
		return bad("folder %q is not absolute", s.Workdir)
	}
	if s.Network != "none" && s.Network != "full" {
		return bad("network %q", s.Network)
	}
	if s.Network == "full" && !nameForm.MatchString(s.Labels.Home) {
		return bad("home %q", s.Labels.Home)
	}
	for _, m := range s.Mounts {
		if !filepath.IsAbs(m.Source) || !path.IsAbs(m.Target) || path.Clean(m.Target) == "/" {
			return bad("mount of %q on %q", m.Source, m.Target)
		}
		if _, err := os.Stat(m.Source); err != nil {
			return bad("mount source: %v", err)
		}
	}
	for _, kv := range s.Env {
		if name, _, ok := strings.Cut(kv, "="); !ok || name == "" {
			return bad("a variable without a name or a value")
		}
	}
	return nil
}

// make makes an instance, or returns the one that has the name. The folder
// appears whole or not at all.
func (e *Engine) make(ctx context.Context, s backends.InstanceSpec, machine bool, labels map[string]string) (*record, error) {
	unlock, err := lock(ctx, e.path("lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if r, err := e.named(s.Name); err != nil || r != nil {
		return r, err
	}
	s.Resource = nil // is the caller's, and not for a file
	if machine {
		s.Env = nil
	}
	r := &record{ID: newID(), Name: s.Name, Labels: maps.Clone(labels), Spec: s, Machine: machine}
	tmp := e.path("instances", "new-"+r.ID)
	if err := os.MkdirAll(filepath.Join(tmp, "root"), 0o755); err != nil {
		return nil, err
	}
	if err = furnish(filepath.Join(tmp, "root"), s.Workdir); err == nil {
		if err = writeJSON(filepath.Join(tmp, "instance.json"), r); err == nil {
			err = os.Rename(tmp, e.instance(r.ID))
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(tmp))
	}
	return r, nil
}

// furnish fills a root folder with what every image has besides its tools.
func furnish(dir, workdir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, d := range []string{"/bin", "/dev", "/etc", "/home/user", "/proc", "/root", "/tmp", workdir} {
		if err := root.MkdirAll(inside(d), 0o755); err != nil {
			return err
		}
	}
	if err := root.Chmod("tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := root.Chown("home/user", 1000, 1000); err != nil {
			return err
		}
	}
	return root.WriteFile("etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"), 0o644)
}

// inside turns an absolute path of a guest into one below its root folder.
func inside(p string) string {
	if p = path.Clean("/" + p); p == "/" {
		return "."
	}
	return p[1:]
}
