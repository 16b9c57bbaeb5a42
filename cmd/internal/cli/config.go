package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SystemConfig is where the owner of a machine sets defaults and locks.
const SystemConfig = "/etc/bot-bottle/config.yaml"

// homeConfig is the name of the user's config file in the home.
const homeConfig = "config.yaml"

// settings are the keys of a config file.
type settings struct {
	Image      string `yaml:"image"`
	Backend    string `yaml:"backend"`
	DetachKeys string `yaml:"detach_keys"`
	Clipboard  string `yaml:"clipboard"` // off or write
	// OnAttention is a command for when an agent wants attention.
	OnAttention []string           `yaml:"on_attention"`
	Agents      map[string]profile `yaml:"agents"`
}

// profile is what an agent is started with unless flags say otherwise.
type profile struct {
	Image     string   `yaml:"image"`
	Argv      []string `yaml:"argv"`
	Env       []string `yaml:"env"`       // names; the values come from the caller's environment
	Volumes   []string `yaml:"volumes"`   // as -v takes them
	Workspace string   `yaml:"workspace"` // DIR[:ro], or "clone DIR"
}

// config is what the files say together: the home's wins over the system's,
// but not over what the system's file has below locked.
type config struct {
	settings
	locked settings
	by     string // the file that locks
}

// readConfig reads both files; either may be absent. Nothing is ever read
// from the current folder: a repository could bring its own.
func readConfig(system, home string) (config, error) {
	c := config{by: system}
	var err error
	if c.settings, c.locked, err = readConfigFile(system, true); err != nil {
		return c, err
	}
	path := filepath.Join(home, homeConfig)
	own, _, err := readConfigFile(path, false)
	if err != nil {
		return c, err
	}
	for _, pair := range []struct{ key, locked, own string }{
		{"image", c.locked.Image, own.Image},
		{"backend", c.locked.Backend, own.Backend},
		{"detach_keys", c.locked.DetachKeys, own.DetachKeys},
		{"clipboard", c.locked.Clipboard, own.Clipboard},
		{"on_attention", strings.Join(c.locked.OnAttention, "\x00"), strings.Join(own.OnAttention, "\x00")},
	} {
		if err := c.unlocked(pair.locked, pair.own, pair.key+" in "+path); err != nil {
			return c, err
		}
	}
	for name := range own.Agents {
		if _, locked := c.locked.Agents[name]; locked {
			return c, c.refusal("agents." + name + " in " + path)
		}
	}
	c.settings = c.settings.under(own).under(c.locked)
	return c, nil
}

// under lays other over s: what other says wins.
func (s settings) under(other settings) settings {
	s.Image = orElse(other.Image, s.Image)
	s.Backend = orElse(other.Backend, s.Backend)
	s.DetachKeys = orElse(other.DetachKeys, s.DetachKeys)
	s.Clipboard = orElse(other.Clipboard, s.Clipboard)
	if len(other.OnAttention) > 0 {
		s.OnAttention = other.OnAttention
	}
	agents := make(map[string]profile, len(s.Agents)+len(other.Agents))
	for name, p := range s.Agents {
		agents[name] = p
	}
	for name, p := range other.Agents {
		agents[name] = p // a profile is taken whole: half of each is nobody's intent
	}
	s.Agents = agents
	return s
}

// unlocked refuses a value that differs from the locked one.
func (c config) unlocked(locked, given, what string) error {
	if locked == "" || given == "" || given == locked {
		return nil
	}
	return c.refusal(what)
}

func (c config) refusal(what string) error {
	return usageError(fmt.Sprintf("%s: locked by %s", what, c.by))
}

func readConfigFile(path string, system bool) (s, locked settings, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return s, locked, nil
	}
	if err != nil {
		return s, locked, usageError(fmt.Sprintf("config: %v", err))
	}
	if s, locked, err = decodeConfig(b, system); err != nil {
		return s, locked, usageError(fmt.Sprintf("config %s: %v", path, err))
	}
	return s, locked, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
