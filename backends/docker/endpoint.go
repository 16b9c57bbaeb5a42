package docker

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Ports of an engine's API, without and with TLS, as registered with IANA.
const (
	plainPort = "2375"
	tlsPort   = "2376"
)

// socketPathMax is what fits into a sockaddr_un on Linux, its NUL aside.
const socketPathMax = 107

// endpoint is an engine's address and how to be sure of it. Written out, it
// is unix:///PATH or tcp://HOST:PORT[/BASE][?tls=FOLDER&verify=0|1]. After
// unix:// everything is the path, whatever characters it has.
type endpoint struct {
	socket string // path of a unix socket; "" for tcp
	addr   string // host:port of tcp
	base   string // path before the API's own, "" or /…
	tls    bool
	certs  string // folder with ca.pem, cert.pem, key.pem; "" none
	verify bool   // the engine must prove who it is
}

// badEndpoint says why an endpoint cannot be used. It counts as
// [backends.ErrUnsupported].
type badEndpoint struct {
	what, why string
	err       error
}

func (e *badEndpoint) Error() string {
	s := e.what + ": " + e.why
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

func (e *badEndpoint) Unwrap() error        { return e.err }
func (e *badEndpoint) Is(target error) bool { return target == backends.ErrUnsupported }

// parseEndpoint reads a host as Docker writes it, or an endpoint as String
// does. Relative paths are refused here: what they mean depends on the day.
func parseEndpoint(s string) (endpoint, error) {
	shown := fmt.Sprintf("docker endpoint %q", s)
	if at := strings.LastIndex(s, "@"); at >= 0 && !strings.HasPrefix(s, "unix://") {
		shown = fmt.Sprintf("docker endpoint %q", "…"+s[at:]) // a password is in no message
	}
	bad := func(why string, err error) (endpoint, error) { return endpoint{}, &badEndpoint{shown, why, err} }
	if hasControls(s) {
		return bad("it has control characters", nil)
	}
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case strings.HasPrefix(s, "/"):
		scheme, rest = "unix", s
	case !ok:
		return bad("it is neither unix:///PATH nor tcp://HOST:PORT nor context:NAME", nil)
	}
	switch scheme {
	case "unix":
		ep := endpoint{socket: path.Clean(rest)}
		switch {
		case !filepath.IsAbs(rest):
			return bad("the path of the socket is not absolute", nil)
		case len(ep.socket) > socketPathMax:
			return bad(fmt.Sprintf("the path of a socket has %d bytes at most", socketPathMax), nil)
		}
		return ep, nil
	case "tcp":
		ep, why, err := parseTCP(rest)
		if why != "" {
			return bad(why, err)
		}
		return ep, nil
	case "ssh":
		return bad("ssh:// is not supported; forward the socket and use that: "+
			"ssh -N -L /tmp/engine.sock:/var/run/docker.sock HOST, then unix:///tmp/engine.sock", nil)
	case "http", "https":
		return bad("write tcp://HOST:PORT, with ?tls=FOLDER&verify=1 for TLS", nil)
	}
	return bad(scheme+":// is not supported", nil)
}

func hasControls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// parseTCP reads what follows tcp://.
func parseTCP(rest string) (ep endpoint, why string, err error) {
	u, err := url.Parse("tcp://" + rest)
	switch {
	case err != nil:
		return ep, "it is not an address", nil // the error repeats what may hold a password
	case u.User != nil:
		return ep, "it may not hold a user or a password", nil
	case u.Fragment != "" || u.RawFragment != "":
		return ep, "it may not have a fragment", nil
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return ep, "what follows the ? cannot be read", err
	}
	for key, values := range q {
		if len(values) != 1 || key != "tls" && key != "verify" {
			return ep, fmt.Sprintf("after the ? only tls=FOLDER and verify=0|1 are known, once each, not %q", key), nil
		}
	}
	ep.tls = q.Has("tls")
	ep.certs = q.Get("tls")
	switch v := q.Get("verify"); {
	case q.Has("verify") && !ep.tls:
		return ep, "verify means nothing without tls", nil
	case v != "" && v != "0" && v != "1":
		return ep, "verify is 0 or 1", nil
	case ep.tls:
		ep.verify = v != "0"
	}
	if hasControls(ep.certs) || hasControls(u.Path) {
		return ep, "it has control characters", nil
	}
	if ep.certs != "" {
		if !filepath.IsAbs(ep.certs) {
			return ep, "the folder of the certificates is not absolute", nil
		}
		ep.certs = filepath.Clean(ep.certs)
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = plainPort
		if ep.tls {
			port = tlsPort
		}
	}
	if host = strings.ToLower(host); !isHost(host) {
		return ep, "its host is neither a name nor an address", nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return ep, "its port is not one", nil
	}
	ep.addr = net.JoinHostPort(host, port)
	if u.Path != "" {
		ep.base = strings.TrimSuffix(path.Clean("/"+u.Path), "/")
	}
	return ep, "", nil
}

// isHost is stricter than an URL: what is accepted must read the same again.
func isHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == "" || isHost(addr.Zone())
	}
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// String is the canonical form, as recorded.
func (e endpoint) String() string {
	s := e.host()
	if !e.tls {
		return s
	}
	s += "?tls=" + inQuery.Replace(e.certs) + "&verify="
	if e.verify {
		return s + "1"
	}
	return s + "0"
}

// host is the address as the Docker client takes it.
func (e endpoint) host() string {
	if e.socket != "" {
		return "unix://" + e.socket
	}
	return "tcp://" + e.addr + (&url.URL{Path: e.base}).EscapedPath()
}

// inQuery escapes what would not survive in a query, and leaves a path
// readable.
var inQuery = strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "#", "%23", ";", "%3B", " ", "%20")
