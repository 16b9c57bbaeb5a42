package imagefile

import (
	"encoding/json"
	"errors"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// ErrDamaged says that bytes are not those that a digest stands for.
var ErrDamaged = errors.New("it is damaged")

// Config is what we read of an image's configuration, as the OCI image
// specification has it (github.com/opencontainers/image-spec, config.md).
type Config struct {
	Arch    string
	Layers  []string // digests of the unpacked layers, lowest first
	Argv    []string // ENTRYPOINT and then CMD
	Env     []string // K=V
	User    string
	Workdir string
}

// ParseConfig reads a configuration. One that is not for Linux is refused.
func ParseConfig(text []byte) (Config, error) {
	if len(text) > MaxMeta {
		return Config{}, fmt.Errorf("its configuration is longer than %d bytes", MaxMeta)
	}
	var c struct {
		Architecture, OS string
		Config           struct {
			User, WorkingDir     string
			Env, Entrypoint, Cmd []string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, fmt.Errorf("its configuration cannot be read: %w", err)
	}
	if c.OS != "" && c.OS != "linux" {
		return Config{}, fmt.Errorf("it is for %.20q, and only images for linux run here", c.OS)
	}
	if len(c.RootFS.DiffIDs) > maxLayers {
		return Config{}, fmt.Errorf("it has more than %d layers", maxLayers)
	}
	for _, id := range c.RootFS.DiffIDs {
		if !imageref.IsID(id) { // it becomes a file's name
			return Config{}, fmt.Errorf("its configuration names a layer %.80q, which is no sha256 digest", id)
		}
	}
	return Config{Arch: c.Architecture, Layers: c.RootFS.DiffIDs, Argv: append(c.Config.Entrypoint, c.Config.Cmd...),
		Env: c.Config.Env, User: c.Config.User, Workdir: c.Config.WorkingDir}, nil
}
