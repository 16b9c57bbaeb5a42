package images

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// authorize finds what a registry takes, by what it asks for: a password, or
// a token from a server that it names (distribution.github.io/distribution,
// spec/auth/token and spec/auth/oauth). No part of a login is in an error.
func (r *remote) authorize(ctx context.Context, challenges []string) error {
	if r.login.RegistryToken != "" {
		r.auth = "Bearer " + r.login.RegistryToken
		return nil
	}
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(c, " ")
		switch strings.ToLower(scheme) {
		case "basic":
			if r.login.Username == "" {
				return fmt.Errorf("%w: there is no login for it", backends.ErrImageDenied)
			}
			r.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(r.login.Username+":"+r.login.Password))
			return nil
		case "bearer":
			token, err := r.token(ctx, parameters(rest))
			if err != nil {
				return fmt.Errorf("token: %w", err)
			}
			r.auth = "Bearer " + token
			return nil
		}
	}
	return fmt.Errorf("%w: it wants a login of a kind that is not known here", backends.ErrImageDenied)
}

// token gets a token for reading this repository.
func (r *remote) token(ctx context.Context, from map[string]string) (string, error) {
	u, err := url.Parse(from["realm"])
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || r.scheme != "http") {
		return "", fmt.Errorf("the registry sends us to a place without TLS or to none: %.200q", from["realm"])
	}
	q := u.Query()
	q.Set("service", from["service"])
	q.Set("scope", "repository:"+r.repo+":pull")
	method, body := http.MethodGet, ""
	if r.login.IdentityToken != "" {
		q.Set("grant_type", "refresh_token")
		q.Set("refresh_token", r.login.IdentityToken)
		q.Set("client_id", "bot-bottle")
		method, body, q = http.MethodPost, q.Encode(), u.Query()
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return "", errors.New("the address of its server cannot be read")
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if r.login.Username != "" {
		req.SetBasicAuth(r.login.Username, r.login.Password)
	}
	req.Header.Set("User-Agent", "bot-bottle")
	answer, err := r.web.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusBadRequest:
		// its words may repeat the login
		return "", fmt.Errorf("%w: %s", backends.ErrImageDenied, http.StatusText(answer.StatusCode))
	case answer.StatusCode != http.StatusOK:
		return "", fmt.Errorf("its server answers %d", answer.StatusCode)
	}
	var got struct {
		Token       string
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxToken)).Decode(&got); err != nil {
		return "", errors.New("the answer of its server cannot be read")
	}
	if got.Token == "" {
		got.Token = got.AccessToken
	}
	if got.Token == "" || strings.ContainsAny(got.Token, "\r\n\x00") {
		return "", errors.New("its server gives none")
	}
	return got.Token, nil
}

// maxToken bounds the answer with a token, in bytes.
const maxToken = 1 << 20

// parameters reads the parameters of a challenge (RFC 9110, 11.2): name=value
// or name="value" with commas between.
func parameters(s string) map[string]string {
	out := map[string]string{}
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, ", \t") {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		var value strings.Builder
		i := 0
		if quoted := strings.HasPrefix(rest, `"`); quoted {
			for i = 1; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				value.WriteByte(rest[i])
			}
			i = min(i+1, len(rest))
		} else {
			for ; i < len(rest) && rest[i] != ','; i++ {
				value.WriteByte(rest[i])
			}
		}
		out[strings.ToLower(strings.TrimSpace(name))] = value.String()
		s = rest[i:]
	}
	return out
}
