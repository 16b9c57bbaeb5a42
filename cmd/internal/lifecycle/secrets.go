package lifecycle

import (
	"fmt"
	"strings"
)

// tokenForms are beginnings of credentials that vendors give a fixed form,
// with the least length of what follows. ARGV is recorded for ever, so an
// element that holds one is refused unless the user insists.
var tokenForms = []struct {
	prefix string
	least  int
}{
	{"sk-ant-", 20}, {"sk-proj-", 20}, {"sk-", 32},
	{"ghp_", 30}, {"gho_", 30}, {"ghu_", 30}, {"ghs_", 30}, {"ghr_", 30}, {"github_pat_", 30},
	{"glpat-", 18}, {"xoxb-", 20}, {"xoxp-", 20}, {"xapp-", 20},
	{"AKIA", 16}, {"ASIA", 16}, {"AIza", 30}, {"ya29.", 20}, {"hf_", 30}, {"npm_", 30},
	{"pypi-", 50}, {"dop_v1_", 40}, {"eyJ", 40},
}

// shortValue is the length below which a variable's value in ARGV is taken
// for a coincidence: "1", "true", "info".
const shortValue = 8

// secretInArgv says which element of argv looks like a secret, and why, never
// repeating the value.
func secretInArgv(argv, env []string) error {
	for i, a := range argv {
		if why := secretIn(a, env); why != "" {
			return &Problem{Code: CodeUsage,
				Message: fmt.Sprintf("ARGV[%d] %s, and ARGV is recorded for ever: pass it by -e or --env-file, or add --allow-secret-argv", i, why)}
		}
	}
	return nil
}

func secretIn(a string, env []string) string {
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if len(value) >= shortValue && strings.Contains(a, value) {
			return "contains the value of " + name
		}
	}
	if strings.Contains(a, "-----BEGIN ") && strings.Contains(a, "PRIVATE KEY-----") {
		return "contains a private key"
	}
	for _, f := range tokenForms {
		for rest := a; ; {
			i := strings.Index(rest, f.prefix)
			if i < 0 {
				break
			}
			if (i == 0 || !tokenByte(rest[i-1])) && tokenRun(rest[i+len(f.prefix):]) >= f.least {
				return "looks like a token (" + f.prefix + "…)"
			}
			rest = rest[i+len(f.prefix):]
		}
	}
	return ""
}

func tokenRun(s string) int {
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return i
		}
	}
	return len(s)
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}
