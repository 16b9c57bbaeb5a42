package docker

import (
	"os"
	"path/filepath"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends/logins"
)

// defaultSocket is where an engine listens when nothing says otherwise.
const defaultSocket = "/var/run/docker.sock"

// Resolve finds the endpoint of a new bottle, as the docker command does: the
// host that was asked for (or context:NAME), DOCKER_HOST, DOCKER_CONTEXT, the
// current context of the Docker config, the default socket. What comes of it
// names no context and no variable, so that it means the same tomorrow. It
// contacts no engine.
//
// An endpoint asked for says all of it, TLS included: tcp://h:2376?tls=FOLDER.
// DOCKER_CERT_PATH and DOCKER_TLS_VERIFY belong to DOCKER_HOST.
func Resolve(asked string, getenv func(string) string) (string, error) {
	ep, err := resolve(asked, getenv)
	if err != nil {
		return "", err
	}
	return ep.String(), nil
}

func resolve(asked string, getenv func(string) string) (endpoint, error) {
	if name, ok := strings.CutPrefix(asked, "context:"); ok {
		return fromContext(name, "--endpoint "+asked, getenv)
	}
	if asked != "" {
		return fromHost(asked)
	}
	if getenv("DOCKER_HOST") != "" {
		return fromEnv(getenv)
	}
	if name := getenv("DOCKER_CONTEXT"); name != "" {
		return fromContext(name, "DOCKER_CONTEXT="+name, getenv)
	}
	cfg, err := readConfig(logins.Dir(getenv))
	if err != nil {
		return endpoint{}, err
	}
	if cfg.CurrentContext != "" {
		return fromContext(cfg.CurrentContext, "currentContext in "+cfg.path, getenv)
	}
	return fromHost("unix://" + defaultSocket)
}

// fromHost reads a host and makes the path of a socket mean the same
// everywhere and tomorrow: absolute, links resolved.
func fromHost(host string) (endpoint, error) {
	if p, ok := strings.CutPrefix(host, "unix://"); ok && p != "" && !filepath.IsAbs(p) {
		abs, err := filepath.Abs(p)
		if err != nil {
			return endpoint{}, &badEndpoint{"docker endpoint " + host, "it is relative to a folder that is not there", err}
		}
		host = "unix://" + abs
	}
	ep, err := parseEndpoint(host)
	if err == nil && ep.socket != "" {
		ep.socket = realSocket(ep.socket)
	}
	return ep, err
}

// realSocket resolves links: a link may lead to another engine tomorrow, and
// two names of one socket are one engine. As long as the engine is down its
// socket may be missing, and then its folder must do. The usual name of the
// default socket is kept, though /var/run is a link to /run on most systems.
func realSocket(p string) string {
	real, err := filepath.EvalSymlinks(p)
	if err != nil {
		dir, err := filepath.EvalSymlinks(filepath.Dir(p))
		if err != nil {
			return p
		}
		real = filepath.Join(dir, filepath.Base(p))
	}
	if usual, err := filepath.EvalSymlinks(filepath.Dir(defaultSocket)); err == nil && real == filepath.Join(usual, filepath.Base(defaultSocket)) {
		return defaultSocket
	}
	if len(real) > socketPathMax {
		return p // the link is what makes it reachable
	}
	return real
}

// fromEnv reads DOCKER_HOST and what belongs to it.
func fromEnv(getenv func(string) string) (endpoint, error) {
	ep, err := fromHost(getenv("DOCKER_HOST"))
	if err != nil || ep.socket != "" {
		return ep, err
	}
	certs, verify := getenv("DOCKER_CERT_PATH"), getenv("DOCKER_TLS_VERIFY") != ""
	if certs == "" && !verify && getenv("DOCKER_TLS") == "" {
		return ep, nil
	}
	if certs == "" {
		certs = logins.Dir(getenv)
	}
	if certs, err = filepath.Abs(certs); err != nil {
		return endpoint{}, &badEndpoint{"DOCKER_CERT_PATH", "it is relative to a folder that is not there", err}
	}
	return withTLS(getenv("DOCKER_HOST"), ep, certs, verify)
}

// withTLS adds certificates to an address. The default port differs with TLS,
// so the address is read again where it names none.
func withTLS(host string, ep endpoint, certs string, verify bool) (endpoint, error) {
	if ep.tls {
		return ep, nil // the address says itself
	}
	flag := "0"
	if verify {
		flag = "1"
	}
	host, _, _ = strings.Cut(host, "?")
	return parseEndpoint(host + "?tls=" + inQuery.Replace(certs) + "&verify=" + flag)
}

func isFile(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}
