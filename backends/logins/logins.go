// Package logins finds the logins for registries that a user has: in the
// Docker config and in the credential helpers that it names, as the docker
// command does. Errors hold no part of a login.
package logins

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Login is what a registry takes. None is an empty one.
type Login struct {
	Username, Password string
	IdentityToken      string // for which the registry's own server gives tokens
	RegistryToken      string // to send as it is
	Server             string // who it is for, as the config writes it
}

// stored is a login in config.json.
type stored struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// Config is what the Docker config says of logins.
type Config struct {
	Auths       map[string]stored `json:"auths"`
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

// The names of Docker's own registry: in image names, and in configs for
// historical reasons.
const (
	HubDomain = "docker.io"
	hubKey    = "https://index.docker.io/v1/"
)

// maxConfig bounds the Docker config, in bytes.
const maxConfig = 4 << 20

// Dir is the folder of the Docker config; "" when there can be none.
func Dir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".docker")
	}
	return ""
}

// Read reads the logins of the Docker config in a folder. None is an empty
// one.
func Read(dir string) (Config, error) {
	if dir == "" {
		return Config{}, nil
	}
	path := filepath.Join(dir, "config.json")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("the Docker config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return Config{}, fmt.Errorf("the Docker config: %w", err)
	}
	var c Config
	if len(text) > maxConfig || len(text) > 0 && json.Unmarshal(text, &c) != nil {
		return Config{}, fmt.Errorf("the Docker config %s is not JSON as docker writes it", path)
	}
	return c, nil
}

// For finds the login for a registry: by its own helper, from the store, from
// the file.
func (c Config) For(ctx context.Context, domain string) (Login, error) {
	names := []string{domain}
	if domain == HubDomain {
		names = []string{hubKey, "index.docker.io", HubDomain}
	}
	for _, name := range names {
		if program := c.CredHelpers[name]; program != "" {
			return fromHelper(ctx, program, name)
		}
	}
	if c.CredsStore != "" {
		login, err := fromHelper(ctx, c.CredsStore, names[0])
		if err != nil || login != (Login{}) {
			return login, err
		}
	}
	for _, name := range names {
		for key, s := range c.Auths {
			if key == name || hostOf(key) == name {
				return s.decode(names[0])
			}
		}
	}
	return Login{}, nil
}

// hostOf is the host in a key of auths, which may be a URL.
func hostOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}

func (s stored) decode(server string) (Login, error) {
	l := Login{Username: s.Username, Password: s.Password, IdentityToken: s.IdentityToken, RegistryToken: s.RegistryToken, Server: server}
	if s.Auth == "" {
		return l, nil
	}
	text, err := base64.StdEncoding.DecodeString(s.Auth)
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok || user == "" {
		return Login{}, fmt.Errorf("the login for %s in the Docker config cannot be read", server)
	}
	l.Username, l.Password = user, strings.Trim(password, "\x00")
	return l, nil
}
