package docker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

const usual = "unix:///var/run/docker.sock"

// dockerConfig writes a Docker config with contexts into a folder.
func dockerConfig(t testing.TB, current string, contexts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"currentContext":%q,"auths":{"x.example":{"auth":"c2VjcmV0"}}}`, current))
	for name, meta := range contexts {
		writeFile(t, filepath.Join(dir, "contexts", "meta", sum(name), "meta.json"), meta)
	}
	return dir
}

func sum(name string) string {
	s := sha256.Sum256([]byte(name))
	return hex.EncodeToString(s[:])
}

func contextMeta(name, host string, skip bool) string {
	return fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":%v}}}`, name, host, skip)
}

func TestResolve(t *testing.T) {
	cfg := dockerConfig(t, "remote", map[string]string{
		"remote":   contextMeta("remote", "tcp://R.example:2376", false),
		"insecure": contextMeta("insecure", "tcp://i.example", true),
		"plain":    contextMeta("plain", "tcp://p.example", false),
		"rootless": contextMeta("rootless", "unix:///nowhere/run/docker.sock", false),
		"unset":    contextMeta("unset", "", false),
		"odd ☃":    contextMeta("odd ☃", "tcp://[::1]:99", false),
	})
	certs := filepath.Join(cfg, "contexts", "tls", sum("remote"), "docker")
	writeFile(t, filepath.Join(certs, "ca.pem"), "x")
	none := t.TempDir()
	inCurrent := filepath.Join(t.TempDir(), "config")
	writeFile(t, filepath.Join(inCurrent, "config.json"), "")
	for name, c := range map[string]struct {
		asked string
		env   []string
		want  string
	}{
		"nothing":                       {"", nil, usual},
		"no config":                     {"", []string{"HOME", none}, usual},
		"an empty config":               {"", []string{"DOCKER_CONFIG", inCurrent}, usual},
		"the flag":                      {"unix:///nowhere/x.sock", []string{"DOCKER_HOST", "tcp://h", "DOCKER_CONTEXT", "remote", "DOCKER_CONFIG", cfg}, "unix:///nowhere/x.sock"},
		"the flag as a bare path":       {"/nowhere/x.sock", nil, "unix:///nowhere/x.sock"},
		"the flag takes no TLS":         {"tcp://h:1", []string{"DOCKER_CERT_PATH", "/certs", "DOCKER_TLS_VERIFY", "1"}, "tcp://h:1"},
		"the flag with TLS":             {"tcp://h?tls=/c&verify=1", nil, "tcp://h:2376?tls=/c&verify=1"},
		"TLS is verified by default":    {"tcp://h?tls=/c", nil, "tcp://h:2376?tls=/c&verify=1"},
		"a flag's context":              {"context:plain", []string{"DOCKER_HOST", "tcp://h", "DOCKER_CONFIG", cfg}, "tcp://p.example:2375"},
		"DOCKER_HOST":                   {"", []string{"DOCKER_HOST", "tcp://H.example", "DOCKER_CONTEXT", "plain", "DOCKER_CONFIG", cfg}, "tcp://h.example:2375"},
		"DOCKER_HOST with TLS":          {"", []string{"DOCKER_HOST", "tcp://h", "DOCKER_CERT_PATH", "/my certs&co", "DOCKER_TLS_VERIFY", "1"}, "tcp://h:2376?tls=/my%20certs%26co&verify=1"},
		"DOCKER_HOST, TLS unverified":   {"", []string{"DOCKER_HOST", "tcp://h:5", "DOCKER_CERT_PATH", "/certs"}, "tcp://h:5?tls=/certs&verify=0"},
		"DOCKER_HOST, the usual certs":  {"", []string{"DOCKER_HOST", "tcp://h:5", "DOCKER_TLS_VERIFY", "yes", "DOCKER_CONFIG", "/cfg"}, "tcp://h:5?tls=/cfg&verify=1"},
		"DOCKER_HOST is a socket":       {"", []string{"DOCKER_HOST", "unix:///nowhere/s", "DOCKER_TLS_VERIFY", "1"}, "unix:///nowhere/s"},
		"DOCKER_HOST below a path":      {"", []string{"DOCKER_HOST", "tcp://h:5/engines//one/"}, "tcp://h:5/engines/one"},
		"DOCKER_CONTEXT":                {"", []string{"DOCKER_CONTEXT", "plain", "DOCKER_CONFIG", cfg}, "tcp://p.example:2375"},
		"DOCKER_CONTEXT default":        {"", []string{"DOCKER_CONTEXT", "default", "DOCKER_CONFIG", cfg}, usual},
		"the flag's default":            {"context:default", []string{"DOCKER_CONFIG", cfg, "DOCKER_HOST", "tcp://h"}, "tcp://h:2375"},
		"the current context":           {"", []string{"DOCKER_CONFIG", cfg}, "tcp://r.example:2376?tls=" + certs + "&verify=1"},
		"a context that trusts anybody": {"context:insecure", []string{"DOCKER_CONFIG", cfg}, "tcp://i.example:2376?tls=&verify=0"},
		"a context of a socket":         {"context:rootless", []string{"DOCKER_CONFIG", cfg}, "unix:///nowhere/run/docker.sock"},
		"a context without an address":  {"context:unset", []string{"DOCKER_CONFIG", cfg}, usual},
		"a context with an odd name":    {"context:odd ☃", []string{"DOCKER_CONFIG", cfg}, "tcp://[::1]:99"},
		"no host":                       {"tcp://:2375", nil, "tcp://127.0.0.1:2375"},
		"a question mark in a path":     {"unix:///nowhere/a?b", nil, "unix:///nowhere/a?b"},
		"a crooked path":                {"unix:///nowhere//a/../s", nil, "unix:///nowhere/s"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := docker.Resolve(c.asked, env(c.env...))
			if err != nil || got != c.want {
				t.Fatalf("Resolve(%q): %q, %v; want %q", c.asked, got, err, c.want)
			}
			if again, err := docker.Resolve(got, env(c.env...)); again != got || err != nil {
				t.Errorf("what was resolved resolves to %q, %v", again, err)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	cfg := dockerConfig(t, "gone", map[string]string{
		"broken": `{"Name":`,
		"other":  contextMeta("somebody", "tcp://h", false),
		"k8s":    `{"Name":"k8s","Endpoints":{"kubernetes":{"Host":"https://h"}}}`,
		"far":    contextMeta("far", "ssh://root@h", false),
	})
	broken := t.TempDir()
	writeFile(t, filepath.Join(broken, "config.json"), `{"auths":{"x":{"auth":"c2VjcmV0"}}, oops`)
	shaped := t.TempDir()
	writeFile(t, filepath.Join(shaped, "config.json"), `{"currentContext":["c2VjcmV0"]}`)
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "config.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		asked string
		env   []string
		want  string
	}{
		"ssh":                    {"ssh://me@host", nil, "ssh -N -L"},
		"ssh by a context":       {"context:far", []string{"DOCKER_CONFIG", cfg}, "ssh://"},
		"a named pipe":           {"npipe:////./pipe/docker_engine", nil, "npipe://"},
		"http":                   {"http://h:2375", nil, "tcp://"},
		"no scheme":              {"h:2375", nil, "neither"},
		"a relative word":        {"docker.sock", nil, "neither"},
		"an empty socket":        {"unix://", nil, "absolute"},
		"a long socket":          {"unix:///" + strings.Repeat("x", 200), nil, "107"},
		"control characters":     {"unix:///a\x1b[31m", nil, "control"},
		"a port that is none":    {"tcp://h:x", nil, "address"},
		"a fragment":             {"tcp://h#x", nil, "fragment"},
		"an unknown word":        {"tcp://h?proxy=1", nil, "tls=FOLDER"},
		"verify without tls":     {"tcp://h?verify=1", nil, "verify"},
		"a verify that is none":  {"tcp://h?tls=/c&verify=maybe", nil, "verify"},
		"relative certificates":  {"tcp://h?tls=certs", nil, "absolute"},
		"a missing context":      {"context:nope", []string{"DOCKER_CONFIG", cfg}, "docker context ls"},
		"a current one missing":  {"", []string{"DOCKER_CONFIG", cfg}, "currentContext in " + cfg},
		"no name":                {"context:", []string{"DOCKER_CONFIG", cfg}, "missing"},
		"a name that climbs":     {"context:../../x", []string{"DOCKER_CONFIG", cfg}, "none of that name"},
		"no folder at all":       {"context:x", nil, "HOME"},
		"a broken context":       {"context:broken", []string{"DOCKER_CONFIG", cfg}, "not JSON"},
		"somebody else's":        {"context:other", []string{"DOCKER_CONFIG", cfg}, "somebody"},
		"no docker in it":        {"context:k8s", []string{"DOCKER_CONFIG", cfg}, "no docker endpoint"},
		"a broken config":        {"", []string{"DOCKER_CONFIG", broken}, "not JSON at byte"},
		"a config of odd shape":  {"", []string{"DOCKER_CONFIG", shaped}, "currentContext"},
		"a config that is a dir": {"", []string{"DOCKER_CONFIG", folder}, "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := docker.Resolve(c.asked, env(c.env...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Resolve(%q): %q, %v; want an error with %q", c.asked, got, err, c.want)
			}
			if !errors.Is(err, backends.ErrUnsupported) {
				t.Errorf("%v does not count as something that cannot be used", err)
			}
			if strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("the error tells a login: %v", err)
			}
		})
	}
}

func TestPasswordsInHostsAreRefusedUnsaid(t *testing.T) {
	for _, host := range []string{"tcp://me:sesame@h:1", "tcp://me:sesame@h:x", "tcp://sesame@h?tls=x", "ssh://me:sesame@h", "http://me:sesame@h"} {
		_, err := docker.Resolve(host, env())
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("Resolve(%q): %v", host, err)
		}
	}
}

// TestSocketsMeanTheSameTomorrow: relative names and links become what they
// are today; one socket has one name.
func TestSocketsMeanTheSameTomorrow(t *testing.T) {
	l, endpoint := socket(t)
	real := l.Addr().String()
	dir := filepath.Dir(real)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, asked := range []string{endpoint, "unix://" + link, "unix://s", "unix://./link", "unix://d/s", link} {
		got, err := docker.Resolve(asked, env())
		if err != nil || got != endpoint {
			t.Errorf("Resolve(%q): %q, %v; want %q", asked, got, err, endpoint)
		}
	}
	if got, err := docker.Resolve("unix://d/later", env()); err != nil || got != "unix://"+filepath.Join(dir, "later") {
		t.Errorf("a socket that is not there yet: %q, %v", got, err)
	}
	if real, err := filepath.EvalSymlinks("/var/run"); err == nil && real == "/run" {
		if got, err := docker.Resolve("unix:///run/docker.sock", env()); err != nil || got != usual {
			if st, serr := os.Lstat("/run/docker.sock"); serr == nil && st.Mode()&os.ModeSymlink != 0 {
				t.Skip("the default socket is a link here")
			}
			t.Errorf("the default socket by its other name: %q, %v", got, err)
		}
	}
}

// TestResolvedIsCanonical: whatever is accepted resolves to itself and opens.
func TestResolvedIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-zA-Z0-9 %&+#?=;:~_./\\-]{0,12}`)
		asked := rapid.OneOf(
			rapid.Map(part, func(p string) string { return "unix:///nowhere/" + p }),
			rapid.Custom(func(t *rapid.T) string {
				return fmt.Sprintf("tcp://%s:%d/%s?tls=/%s&verify=%d", rapid.StringMatching(`[a-zA-Z0-9.-]{1,8}|\[[0-9a-f:]{2,5}\]`).Draw(t, "host"),
					rapid.IntRange(0, 70000).Draw(t, "port"), part.Draw(t, "base"), part.Draw(t, "certs"), rapid.IntRange(0, 1).Draw(t, "verify"))
			}),
			rapid.Map(part, func(p string) string { return "tcp://" + p }),
		).Draw(t, "asked")
		canonical(t, asked)
	})
}

// canonical checks one word that may be accepted.
func canonical(t interface {
	Fatalf(string, ...any)
	Errorf(string, ...any)
}, asked string) {
	once, err := docker.Resolve(asked, env())
	if err != nil {
		return
	}
	twice, err := docker.Resolve(once, env("DOCKER_HOST", "tcp://other", "DOCKER_TLS_VERIFY", "1"))
	if err != nil || twice != once {
		t.Fatalf("%q resolves to %q, and that to %q, %v", asked, once, twice, err)
	}
	b, err := docker.Open(once)
	var down *backends.Unavailable
	if err != nil && !errors.As(err, &down) {
		t.Errorf("Open(%q): %v", once, err)
	}
	if err == nil {
		b.Close()
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"unix:///a?b", "tcp://h:1/b?tls=/c&verify=0", "tcp://[::1]", "tcp://h%20:1", "unix://../x", "/x", "tcp://h/%2e%2e/x", "tcp://h?tls=%2F%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		if strings.HasPrefix(asked, "unix://") || strings.HasPrefix(asked, "/") || strings.HasPrefix(asked, "context:") {
			return // what it becomes depends on the machine's own files
		}
		canonical(t, asked)
	})
}

func FuzzContext(f *testing.F) {
	f.Add(contextMeta("x", "tcp://h", true), `{"currentContext":"x"}`)
	f.Add(contextMeta("x", "unix:///nowhere/s", false), `{}`)
	f.Add(`{"Name":"x","Endpoints":{"docker":null}}`, `[]`)
	dir := dockerConfig(f, "x", map[string]string{"x": ""})
	f.Fuzz(func(t *testing.T, meta, cfg string) {
		writeFile(t, filepath.Join(dir, "contexts", "meta", sum("x"), "meta.json"), meta)
		writeFile(t, filepath.Join(dir, "config.json"), cfg)
		for _, asked := range []string{"", "context:x"} {
			got, err := docker.Resolve(asked, env("DOCKER_CONFIG", dir))
			if (err == nil) == (got == "") {
				t.Errorf("Resolve: %q, %v", got, err)
			}
			if err != nil && !errors.Is(err, backends.ErrUnsupported) {
				t.Errorf("Resolve: %v", err)
			}
		}
	})
}
