package docker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/versions"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// connect agrees on the version of the API before the first real question.
// The API client can do so by itself, but takes silence and rubbish for a
// very old engine and goes on.
func (b *Backend) connect(ctx context.Context) error {
	if b.spoken.Load() {
		return nil
	}
	version, err := b.ping(ctx)
	if err != nil {
		return err
	}
	b.negotiate.Lock()
	defer b.negotiate.Unlock()
	if !b.spoken.Load() { // the client's version is read without a lock once it is spoken
		b.api.NegotiateAPIVersionPing(types.Ping{APIVersion: version})
		b.spoken.Store(true)
	}
	return nil
}

// ping asks for the newest version of the API that the engine speaks. This
// one path of the API has no version in it.
func (b *Backend) ping(ctx context.Context) (version string, err error) {
	resp, err := b.request(ctx, http.MethodGet, "/_ping", nil, nil)
	if err != nil {
		return "", b.fail(ctx, "ask for its version", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1024)) // read to its end, so that the connection is used again
	version = resp.Header.Get("Api-Version")
	switch {
	case resp.StatusCode == http.StatusInternalServerError || resp.StatusCode == http.StatusServiceUnavailable:
		return "", b.unavailable(fmt.Sprintf("the engine is not well: it answers %s", resp.Status), hintRestart, nil)
	case !isVersion(version):
		return "", b.unavailable(fmt.Sprintf("what answers there (%s) is not a Docker engine", resp.Status), b.hintRubbish(), nil)
	case versions.LessThan(version, minAPI):
		return "", b.unavailable(fmt.Sprintf("the engine (%s) speaks version %s of the API, and %s or later is needed (Docker 20.10)",
			orElse(server(resp.Header.Get("Server")), "of unknown version"), version, minAPI), "upgrade the engine", nil)
	}
	b.podman.Store(resp.Header.Get("Libpod-Api-Version") != "")
	return version, nil
}

// server keeps the harmless part of a Server header, e.g. Docker/19.03.5.
func server(header string) string {
	word, _, _ := strings.Cut(header, " ")
	if len(word) > 60 || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return word
}

func isVersion(s string) bool {
	major, minor, ok := strings.Cut(s, ".")
	_, err1 := strconv.ParseUint(major, 10, 16)
	_, err2 := strconv.ParseUint(minor, 10, 16)
	return ok && err1 == nil && err2 == nil
}

// request sends one request to a path of the API, for what the API client
// cannot: ping, and connections that are taken over.
func (b *Backend) request(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+b.endpoint.base+path, body)
	if err != nil {
		return nil, err
	}
	if b.endpoint.addr != "" {
		req.Host = b.endpoint.addr
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "bot-bottle")
	return b.web.Do(req)
}

// unavailable says that the engine did not answer.
func (b *Backend) unavailable(why, hint string, err error) error {
	return &backends.Unavailable{Backend: Name, Endpoint: b.endpoint.String(), Why: why, Hint: hint, Err: err}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
