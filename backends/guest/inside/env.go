package inside

import (
	"cmp"
	"strings"
)

// defaultPath is where programs are when nothing says so, as engines have it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// nameVar names a holder where several share a network namespace. It is the
// program's own and not passed on.
const nameVar = "BOT_BOTTLE_GUEST_NAME"

// environment is a list of variables, each once.
type environment []string

// newEnvironment takes K=V; the last of a name holds, and what is no
// variable is dropped.
func newEnvironment(kvs []string) environment {
	var e environment
	at := map[string]int{}
	for _, kv := range kvs {
		k, _, ok := strings.Cut(kv, "=")
		if !ok || k == "" || k == nameVar {
			continue
		}
		if i, there := at[k]; there {
			e[i] = kv
			continue
		}
		at[k] = len(e)
		e = append(e, kv)
	}
	return e
}

func (e environment) get(name string) string {
	for _, kv := range e {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

func (e environment) has(name string) bool {
	for _, kv := range e {
		if k, _, _ := strings.Cut(kv, "="); k == name {
			return true
		}
	}
	return false
}

// with returns the environment with some variables set.
func (e environment) with(kvs ...string) environment {
	return newEnvironment(append(append([]string(nil), e...), kvs...))
}

// orElse sets a variable that has no value.
func (e environment) orElse(name, value string) environment {
	if e.get(name) != "" {
		return e
	}
	return e.with(name + "=" + value)
}

// forUser gives the environment a HOME, which is the user's unless it is kept,
// and what every process has.
func (e environment) forUser(w who, home string, keepHome, tty bool) environment {
	if !keepHome || !e.has("HOME") {
		e = e.with("HOME=" + cmp.Or(w.home, home, "/"))
	}
	if tty {
		e = e.orElse("TERM", "xterm")
	}
	return e.orElse("PATH", defaultPath)
}
