package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/distribution/reference"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/logins"
)

// remote is one repository of a registry, spoken to by the OCI distribution
// specification (github.com/opencontainers/distribution-spec). It is our own
// few requests: the libraries for it take longer to load than `list` to run.
type remote struct {
	web    *http.Client
	scheme string
	host   string
	repo   string
	login  logins.Login
	auth   string // the Authorization that worked, "" as long as none was asked for
}

// hubHost is where Docker's own registry answers.
const hubHost = "registry-1.docker.io"

func newRemote(named reference.Named, login logins.Login) *remote {
	r := &remote{scheme: "https", host: reference.Domain(named), repo: reference.Path(named), login: login}
	if r.host == logins.HubDomain {
		r.host = hubHost
	}
	r.web = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    30 * time.Second,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // digests are of the bytes as they are kept
			MaxResponseHeaderBytes: 256 << 10,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 5 {
				return errors.New("it redirects without end")
			}
			if req.URL.Scheme != "https" && via[0].URL.Scheme == "https" {
				return errors.New("it redirects to a place without TLS")
			}
			return nil
		},
	}
	return r
}

func (r *remote) close() { r.web.CloseIdleConnections() }

// get asks for something of the repository and answers with 200 or 206 only.
// The first refusal leads to a login.
func (r *remote) get(ctx context.Context, what string, header http.Header) (*http.Response, error) {
	for asked := false; ; {
		answer, err := r.ask(ctx, what, header)
		if errors.Is(err, http.ErrSchemeMismatch) && r.scheme == "https" && isLoopback(r.host) {
			r.scheme = "http" // as the docker command does for this machine's own
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", r.host, err)
		}
		if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusPartialContent {
			return answer, nil
		}
		if answer.StatusCode == http.StatusUnauthorized && !asked {
			asked = true
			if err = r.authorize(ctx, answer.Header.Values("Www-Authenticate")); err == nil {
				answer.Body.Close()
				continue
			}
		} else {
			err = refusal(answer)
		}
		answer.Body.Close()
		return nil, fmt.Errorf("registry %s: %w", r.host, err)
	}
}

func (r *remote) ask(ctx context.Context, what string, header http.Header) (*http.Response, error) {
	u := url.URL{Scheme: r.scheme, Host: r.host, Path: "/v2/" + r.repo + "/" + what}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("User-Agent", "bot-bottle")
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	answer, err := r.web.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // the address may hold a redirect's secrets
	}
	return answer, err
}

// maxWords bounds what a registry may say of an error, in bytes.
const maxWords = 8 << 10

// refusal reads why a registry says no, and gives it a type.
func refusal(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxWords))
	if err != nil {
		return err
	}
	words := answer.Status
	var said struct {
		Errors []struct{ Code, Message string }
	}
	if json.Unmarshal(text, &said) == nil && len(said.Errors) > 0 {
		words = fmt.Sprintf("%s: %.300q", said.Errors[0].Code, said.Errors[0].Message)
	}
	words = fmt.Sprintf("%.400s", strings.ToValidUTF8(words, "?"))
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s", backends.ErrImageDenied, words)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", backends.ErrImageNotFound, words)
	}
	return errors.New(words)
}

// isLoopback says whether a registry is on this machine.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
