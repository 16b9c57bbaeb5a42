package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// EnvBackend names the backend of new bottles. It never diverts a bottle
// that exists.
const EnvBackend = "BOT_BOTTLE_BACKEND"

// The rules that can choose a new bottle's backend, as recorded.
const (
	byFlag     = "flag"
	byEnv      = "env"
	byConfig   = "config"
	byDetected = "detected"
)

// choose finds the backend and endpoint of a new bottle and the rule that
// won: the flag, the environment, the config, then the registry's first kind
// when its engine answers. Nothing else is tried: a fallback would put a
// bottle where nobody looks for it.
func (m *Manager) choose(ctx context.Context, backend, endpoint string) (kind, resolved, rule string, err error) {
	env, _ := m.Getenv(EnvBackend)
	switch {
	case backend != "":
		kind, rule = backend, byFlag
	case env != "":
		kind, rule = env, byEnv
	case m.ConfigBackend != "":
		kind, rule = m.ConfigBackend, byConfig
	default:
		kind, rule = m.Backends.Names()[0], byDetected
	}
	k, err := m.Backends.Kind(kind)
	if err != nil {
		return "", "", "", &Problem{Code: CodeUsage, Message: fmt.Sprintf("the backend named by %s", rule), Err: err, Next: "bot-bottle doctor"}
	}
	if resolved, err = k.Resolve(endpoint, m.getenv); err != nil {
		return "", "", "", err
	}
	if rule == byDetected {
		if err := m.answers(ctx, kind, resolved); err != nil {
			return "", "", "", err
		}
	}
	return kind, resolved, rule, nil
}

func (m *Manager) answers(ctx context.Context, kind, endpoint string) error {
	b, err := m.Backends.Open(kind, endpoint)
	if err != nil {
		return err
	}
	defer b.Close()
	q, cancel := m.bounded(ctx)
	defer cancel()
	if _, err = b.Probe(q); err == nil {
		return nil
	}
	err = m.unanswered(ctx, q, place{kind, endpoint}, err)
	var down *backends.Unavailable
	if errors.As(err, &down) {
		for _, other := range m.Backends.Names() {
			if other != kind {
				down.Hint += fmt.Sprintf(" (or choose the other backend: --backend %s)", other)
			}
		}
	}
	return err
}

func (m *Manager) getenv(name string) string {
	v, _ := m.Getenv(name)
	return v
}

// contradictions says what today's environment and config would have chosen
// instead of what is recorded, for the person who set them.
func (m *Manager) contradictions(kind, endpoint string) []string {
	var out []string
	note := func(what, value string) {
		if value != "" && value != kind {
			out = append(out, fmt.Sprintf("%s says %s, but this bottle was made in %s: the recorded backend is used", what, value, kind))
		}
	}
	env, _ := m.Getenv(EnvBackend)
	note(EnvBackend, env)
	note("the config file", m.ConfigBackend)
	k, err := m.Backends.Kind(kind)
	if err != nil {
		return out
	}
	today, err := k.Resolve("", m.getenv)
	switch {
	case err != nil:
		out = append(out, fmt.Sprintf("today's %s settings cannot be read (%v): the recorded endpoint %s is used", kind, err, endpoint))
	case today != endpoint:
		out = append(out, fmt.Sprintf("today's %s settings lead to %s, but this bottle was made at %s: the recorded endpoint is used", kind, today, endpoint))
	}
	return out
}
