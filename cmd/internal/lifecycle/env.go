package lifecycle

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Sources of an environment value, as recorded.
const (
	envLiteral = "literal"     // -e K=V: the value is not recorded
	envCaller  = "environment" // -e K: read from the caller's environment
	envFile    = "file"        // --env-file: read from that file
	envPlain   = "plain"       // --env-plain K=V: recorded
)

// gatherEnv reads the variables that a new bottle gets. Later ones win, as
// with docker; the record has names and sources, values has K=V.
func (m *Manager) gatherEnv(cwd string, vars, files, plain []string) (record []events.EnvVar, values []string, err error) {
	add := func(v events.EnvVar, value string) {
		if i := slices.IndexFunc(record, func(o events.EnvVar) bool { return o.Name == v.Name }); i >= 0 {
			record, values = slices.Delete(record, i, i+1), slices.Delete(values, i, i+1)
		}
		record, values = append(record, v), append(values, v.Name+"="+value)
	}
	for _, f := range files {
		abs := f
		if !filepath.IsAbs(f) {
			abs = filepath.Join(cwd, f)
		}
		in, err := m.readEnvFile(abs)
		if err != nil {
			return nil, nil, err
		}
		for _, kv := range in {
			name, value, _ := strings.Cut(kv, "=")
			add(events.EnvVar{Name: name, Source: envFile, File: abs}, value)
		}
	}
	for _, kv := range plain {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || checkEnvName(name) != nil {
			return nil, nil, usage("--env-plain takes NAME=VALUE")
		}
		add(events.EnvVar{Name: name, Source: envPlain, Value: value}, value)
	}
	for _, kv := range vars {
		name, value, literal := strings.Cut(kv, "=")
		if err := checkEnvName(name); err != nil {
			return nil, nil, err
		}
		source := envLiteral
		if !literal {
			source = envCaller
			var set bool
			if value, set = m.Getenv(name); !set {
				return nil, nil, usage("-e %s: the variable is not set here", name)
			}
		}
		add(events.EnvVar{Name: name, Source: source}, value)
	}
	for _, kv := range values {
		if strings.ContainsRune(kv, 0) {
			name, _, _ := strings.Cut(kv, "=")
			return nil, nil, usage("the value of %s has a NUL byte", name)
		}
	}
	return record, values, nil
}

// checkEnvName refuses what no program could read back. It never repeats what
// stands behind a missing "=": that could be a value.
func checkEnvName(name string) error {
	if name == "" {
		return usage("-e takes NAME=VALUE or NAME: the name is empty")
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || r == '=' {
			return usage("-e takes NAME=VALUE or NAME: the name has a space or a control character")
		}
	}
	return nil
}

// readEnvFile reads lines of NAME=VALUE or NAME (taken from the caller's
// environment when set), with # for comments: docker's format.
func (m *Manager) readEnvFile(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Problem{Code: CodeUsage, Message: "--env-file", Err: err}
	}
	defer f.Close()
	var out []string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimLeft(strings.TrimSuffix(sc.Text(), "\r"), " \t")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, _, literal := strings.Cut(line, "=")
		if checkEnvName(name) != nil {
			return nil, usage("--env-file %s, line %d: no NAME=VALUE", path, n)
		}
		if !literal {
			v, set := m.Getenv(name)
			if !set {
				continue
			}
			line = name + "=" + v
		}
		out = append(out, line)
	}
	if err := sc.Err(); err != nil {
		return nil, usage("--env-file %s: %v", path, err)
	}
	return out, nil
}

// keepsEnv says whether the engine keeps the values of a bottle's variables
// from one start to the next. A kind that this program lacks cannot be
// started, so what it would say does not matter.
func (m *Manager) keepsEnv(b projections.Bottle) bool {
	k, err := m.Backends.Kind(b.Backend)
	return err != nil || k.KeepsEnv
}

// envOfStart is what the instance that there is must be given at its next
// start: nothing where the engine keeps it, else every value again. A bottle
// whose record of variables was redacted has none to give.
func (m *Manager) envOfStart(b projections.Bottle, r ResumeRequest) ([]string, error) {
	if m.keepsEnv(b) {
		return nil, nil
	}
	env, err := m.recallEnv(b, "resume", r)
	return env, about(b.Slug, b.Backend, err)
}

// recallEnv reads the values of a recorded bottle again. verb is how the
// resume is spelled that needs them; r has its own -e and --env-file.
func (m *Manager) recallEnv(b projections.Bottle, verb string, r ResumeRequest) ([]string, error) {
	var record []events.EnvVar
	if b.Private != nil {
		record = b.Private.Env
	}
	_, given, err := m.gatherEnv("", r.Env, r.EnvFiles, nil) // files of where we are called, not of where start was
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for _, kv := range given {
		name, value, _ := strings.Cut(kv, "=")
		have[name] = value
	}
	var values, missing []string
	for _, v := range record {
		value, ok := have[v.Name]
		delete(have, v.Name)
		if !ok {
			value, ok, err = m.recall(v)
			if err != nil {
				return nil, err
			}
		}
		if !ok {
			missing = append(missing, v.Name)
			continue
		}
		values = append(values, v.Name+"="+value)
	}
	if len(missing) > 0 {
		return nil, &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend,
			Message: fmt.Sprintf("the value of %s is needed and not recorded", strings.Join(missing, ", ")),
			Next:    fmt.Sprintf("bot-bottle %s %s %s", verb, "-e "+strings.Join(missing, " -e "), b.Slug)}
	}
	for _, kv := range given {
		name, value, _ := strings.Cut(kv, "=")
		if _, extra := have[name]; extra {
			values = append(values, name+"="+value)
		}
	}
	return values, nil
}

func (m *Manager) recall(v events.EnvVar) (value string, ok bool, err error) {
	switch v.Source {
	case envPlain:
		return v.Value, true, nil
	case envCaller:
		value, ok = m.Getenv(v.Name)
		return value, ok, nil
	case envFile:
		in, err := m.readEnvFile(v.File)
		if errors.Is(err, os.ErrNotExist) {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		for _, kv := range in { // the last one wins
			if name, x, _ := strings.Cut(kv, "="); name == v.Name {
				value, ok = x, true
			}
		}
		return value, ok, nil
	}
	return "", false, nil
}
