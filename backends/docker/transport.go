package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The files of a folder of certificates, as Docker names them.
const (
	caFile   = "ca.pem"
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// dialTimeout bounds connecting where the caller does not.
const dialTimeout = 30 * time.Second

// transport carries HTTP to one endpoint, whatever address a request names.
// It does TLS itself, so that a connection that is taken over (exec, attach)
// goes the same way as any other. No proxy is used.
type transport struct {
	*http.Transport
}

func newTransport(ep endpoint) (*transport, error) {
	secure, err := tlsConfig(ep)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		if ep.socket != "" {
			return d.DialContext(ctx, "unix", ep.socket)
		}
		conn, err := d.DialContext(ctx, "tcp", ep.addr)
		if err != nil || secure == nil {
			return conn, err
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		over := tls.Client(conn, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return over, nil
	}
	return &transport{&http.Transport{DialContext: dial, DisableCompression: true, MaxIdleConns: 6, IdleConnTimeout: 30 * time.Second}}, nil
}

// RoundTrip marks failures to get any answer. The API client above describes
// them by looking into their text and drops the cause; a mark without words
// gets through to where the cause is asked for.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err == nil {
		return resp, nil
	}
	if ended := req.Context().Err(); ended != nil {
		return nil, ended
	}
	return nil, &noAnswer{err}
}

// noAnswer is a request that got no answer, and why.
type noAnswer struct{ err error }

func (*noAnswer) Error() string   { return "no answer" }
func (n *noAnswer) Unwrap() error { return n.err }

// tlsConfig loads what an endpoint says of TLS; nil without.
func tlsConfig(ep endpoint) (*tls.Config, error) {
	if !ep.tls {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(ep.addr)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !ep.verify}
	if ep.certs == "" {
		return c, nil
	}
	if _, err := os.Stat(ep.certs); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(ep.certs, caFile))
	switch {
	case err == nil:
		c.RootCAs = x509.NewCertPool() // these and no others, as docker does
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("%s holds no certificate", filepath.Join(ep.certs, caFile))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	cert, key := filepath.Join(ep.certs, certFile), filepath.Join(ep.certs, keyFile)
	if !isFile(cert) && !isFile(key) {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", cert, key, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
