package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	helper "github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/docker/docker/api/types/registry"
)

// storedAuth is a login in config.json.
type storedAuth struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// The names of Docker's own registry: in image names, and in configs for
// historical reasons.
const (
	hubDomain = "docker.io"
	hubKey    = "https://index.docker.io/v1/"
)

// helperTime bounds a credential helper, which may ask its user something.
const helperTime = 60 * time.Second

// login finds the login for a registry in the Docker config, as the docker
// command does: the registry's own helper, the store, the file. None is an
// empty one. Errors hold no part of a login.
func (b *Backend) login(ctx context.Context, domain string) (registry.AuthConfig, error) {
	cfg, err := readConfig(configDir(b.getenv))
	if err != nil {
		return registry.AuthConfig{}, err
	}
	names := []string{domain}
	if domain == hubDomain {
		names = []string{hubKey, "index.docker.io", hubDomain}
	}
	for _, name := range names {
		if program := cfg.CredHelpers[name]; program != "" {
			return fromHelper(ctx, program, name)
		}
	}
	if cfg.CredsStore != "" {
		auth, err := fromHelper(ctx, cfg.CredsStore, names[0])
		if err != nil || auth != (registry.AuthConfig{}) {
			return auth, err
		}
	}
	for _, name := range names {
		for key, stored := range cfg.Auths {
			if key == name || hostOf(key) == name {
				return stored.decode(names[0])
			}
		}
	}
	return registry.AuthConfig{}, nil
}

// hostOf is the host in a key of auths, which may be a URL.
func hostOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}

func (s storedAuth) decode(server string) (registry.AuthConfig, error) {
	a := registry.AuthConfig{Username: s.Username, Password: s.Password, IdentityToken: s.IdentityToken, RegistryToken: s.RegistryToken, ServerAddress: server}
	if s.Auth == "" {
		return a, nil
	}
	text, err := base64.StdEncoding.DecodeString(s.Auth)
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok || user == "" {
		return registry.AuthConfig{}, fmt.Errorf("the login for %s in the Docker config cannot be read", server)
	}
	a.Username, a.Password = user, strings.Trim(password, "\x00")
	return a, nil
}

// fromHelper asks a program docker-credential-NAME.
func fromHelper(ctx context.Context, name, server string) (registry.AuthConfig, error) {
	if strings.ContainsAny(name, "/\\\x00") {
		return registry.AuthConfig{}, fmt.Errorf("the credential helper %q in the Docker config is not the end of a program's name", name)
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	program := "docker-credential-" + name
	if _, err := exec.LookPath(program); err != nil {
		return registry.AuthConfig{}, fmt.Errorf("credential helper: %w", err)
	}
	found, err := helper.Get(func(args ...string) helper.Program {
		return &helperProgram{exec.CommandContext(ctx, program, args...)}
	}, server)
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		return registry.AuthConfig{}, nil
	case err != nil:
		// what it printed may be the login itself
		return registry.AuthConfig{}, fmt.Errorf("%s failed for %s", program, server)
	}
	auth := registry.AuthConfig{Username: found.Username, Password: found.Secret, ServerAddress: server}
	if found.Username == tokenUser {
		auth = registry.AuthConfig{IdentityToken: found.Secret, ServerAddress: server}
	}
	return auth, nil
}

// tokenUser is the user name by which a helper says that the secret is an
// identity token.
const tokenUser = "<token>"

// helperProgram runs a helper; what it says beside its answer is dropped.
type helperProgram struct{ cmd *exec.Cmd }

func (p *helperProgram) Input(in io.Reader) { p.cmd.Stdin = in }

func (p *helperProgram) Output() ([]byte, error) {
	var out bytes.Buffer
	p.cmd.Stdout = &out
	p.cmd.WaitDelay = time.Second // a child of its own may hold the pipe
	err := p.cmd.Run()
	return out.Bytes(), err
}
