package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends/logins"
)

// config is what we read of the Docker config, config.json in its folder.
// Other programs write more into it.
type config struct {
	CurrentContext string `json:"currentContext"`

	path string
}

// maxConfig bounds a file of the Docker config.
const maxConfig = 4 << 20

// readConfig reads the Docker config in a folder. None is an empty one.
func readConfig(dir string) (config, error) {
	if dir == "" {
		return config{}, nil
	}
	cfg := config{path: filepath.Join(dir, "config.json")}
	err := readJSON(cfg.path, &cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return cfg, nil
	}
	if err != nil {
		return config{}, &badEndpoint{"the Docker config", "cannot be read", err}
	}
	return cfg, nil
}

// readJSON decodes a file. Its errors name the file and hold nothing of what
// is in it, since logins are.
func readJSON(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return err
	}
	if len(data) > maxConfig {
		return fmt.Errorf("%s: more than %d bytes", path, maxConfig)
	}
	if len(data) == 0 {
		return nil // docker itself takes an empty file for an empty config
	}
	err = json.Unmarshal(data, into)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: not JSON at byte %d", path, syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: %s holds something else than it must at byte %d", path, kind.Field, kind.Offset)
	case err != nil:
		return fmt.Errorf("%s: not the JSON that was expected", path)
	}
	return nil
}

// contextMeta is the meta.json of a context.
type contextMeta struct {
	Name      string
	Endpoints map[string]struct {
		Host          string
		SkipTLSVerify bool
	}
}

// fromContext reads what a context of the Docker config means: its address
// and its certificates, which the docker command keeps in folders named by
// the SHA-256 of the context's name. from says who named it.
func fromContext(name, from string, getenv func(string) string) (endpoint, error) {
	bad := func(why string, err error) (endpoint, error) {
		return endpoint{}, &badEndpoint{fmt.Sprintf("docker context %q (%s)", name, from), why, err}
	}
	if name == "" {
		return bad("the name is missing", nil)
	}
	if name == "default" { // the docker command's name for "no context"
		if getenv("DOCKER_HOST") != "" {
			return fromEnv(getenv)
		}
		return fromHost("unix://" + defaultSocket)
	}
	dir := logins.Dir(getenv)
	if dir == "" {
		return bad("there is no Docker config: neither DOCKER_CONFIG nor HOME is set", nil)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return bad("the Docker config's folder is relative to a folder that is not there", err)
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta contextMeta
	if err := readJSON(filepath.Join(dir, "contexts", "meta", id, "meta.json"), &meta); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return bad("there is none of that name in "+dir+"; docker context ls names them", nil)
		}
		return bad("cannot be read", err)
	}
	of, ok := meta.Endpoints["docker"]
	switch {
	case meta.Name != name:
		return bad(fmt.Sprintf("its folder %s is that of %q", id, meta.Name), nil)
	case !ok:
		return bad("it has no docker endpoint", nil)
	case of.Host == "":
		of.Host = "unix://" + defaultSocket
	}
	ep, err := fromHost(of.Host)
	if err != nil {
		return bad("its address cannot be used", err)
	}
	certs := filepath.Join(dir, "contexts", "tls", id, "docker")
	switch {
	case ep.socket != "":
		return ep, nil
	case isFile(filepath.Join(certs, caFile)) || isFile(filepath.Join(certs, certFile)):
	case of.SkipTLSVerify:
		certs = "" // TLS with whoever answers
	default:
		return ep, nil
	}
	if ep, err = withTLS(of.Host, ep, certs, !of.SkipTLSVerify); err != nil {
		return bad("its address cannot be used", err)
	}
	return ep, nil
}
