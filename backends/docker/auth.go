package docker

import (
	"context"

	"github.com/docker/docker/api/types/registry"

	"gitea.dideric.is/didericis/bot-bottle/backends/logins"
)

// login finds the login for a registry in the Docker config, in the form that
// the engine takes. None is an empty one.
func (b *Backend) login(ctx context.Context, domain string) (registry.AuthConfig, error) {
	cfg, err := logins.Read(logins.Dir(b.getenv))
	if err != nil {
		return registry.AuthConfig{}, err
	}
	l, err := cfg.For(ctx, domain)
	return registry.AuthConfig{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken,
		RegistryToken: l.RegistryToken, ServerAddress: l.Server}, err
}
