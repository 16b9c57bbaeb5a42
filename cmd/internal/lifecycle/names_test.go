package lifecycle_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

func TestCheckSlug(t *testing.T) {
	for _, good := range []string{"a", "7", "fix-login", "a-b-c-1", strings.Repeat("x", 48)} {
		if err := lifecycle.CheckSlug(good); err != nil {
			t.Errorf("CheckSlug(%q): %v", good, err)
		}
	}
	for _, bad := range []string{"", "-", "-rf", "a-", "a--b", "../x", "A", "fix_login", "а", "naïve", "a\x1b[31m",
		"a b", "a/b", strings.Repeat("x", 49), strings.Repeat("x", 300), "a\x00"} {
		if lifecycle.CheckSlug(bad) == nil {
			t.Errorf("CheckSlug(%q) accepts it", bad)
		}
	}
}

// Whatever words a slug is made from, it is one that a person could have
// given, with room for a number.
func TestMadeSlugIsASlug(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := lifecycle.MadeSlug(rapid.String().Draw(t, "agent"), rapid.String().Draw(t, "folder"))
		if s == "" {
			return
		}
		if err := lifecycle.CheckSlug(s + "-9999"); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func TestSecretsInArgv(t *testing.T) {
	env := []string{"TOKEN=correct-horse-battery", "SHORT=info"}
	tests := []struct {
		arg    string
		secret bool
	}{
		{"--token=correct-horse-battery", true},
		{"--level=info", false},
		{"sk-ant-api03-" + strings.Repeat("a", 40), true},
		{"x=ghp_" + strings.Repeat("Z", 36), true},
		{"task-" + strings.Repeat("a", 40), false},
		{"risk-" + strings.Repeat("a", 40), false},
		{"-----BEGIN OPENSSH PRIVATE KEY-----", true},
		{"AKIA" + strings.Repeat("B", 16), true},
		{"fix the login, then run the tests", false},
		{"", false},
	}
	for _, tt := range tests {
		why := lifecycle.SecretIn(tt.arg, env)
		if (why != "") != tt.secret {
			t.Errorf("%q: %q", tt.arg, why)
		}
		if strings.Contains(why, "correct-horse") || strings.Contains(why, strings.Repeat("Z", 9)) {
			t.Errorf("the reason repeats the secret: %q", why)
		}
	}
}

func TestParsePort(t *testing.T) {
	good := map[string]string{
		"8080:80": "127.0.0.1", "0.0.0.0:8080:80": "0.0.0.0", "[::1]:8080:80": "::1", "0:80": "127.0.0.1", "53:53/udp": "127.0.0.1",
	}
	for in, ip := range good {
		p, err := lifecycle.ParsePort(in)
		if err != nil || p.HostIP != ip {
			t.Errorf("ParsePort(%q) = %+v, %v", in, p, err)
		}
	}
	for _, bad := range []string{"", "80", ":", "a:80", "80:0", "80:99999", "-1:80", "1.2.3:80:80", "80:80/sctp", "80:80:80"} {
		if p, err := lifecycle.ParsePort(bad); err == nil {
			t.Errorf("ParsePort(%q) = %+v", bad, p)
		}
	}
}

func TestQuoteIsOneWordOfTheShell(t *testing.T) {
	for in, want := range map[string]string{"": "''", "/a/b-c": "/a/b-c", "it's": `'it'\''s'`, "a b": "'a b'", "$(x)": "'$(x)'"} {
		if got := lifecycle.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
