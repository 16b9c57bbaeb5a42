package backends_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

func TestThrowawayIsToldApart(t *testing.T) {
	now := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	made := func(ago time.Duration) backends.Labels { return backends.ThrowawayLabels("home", "abc", now.Add(-ago)) }
	garbled := made(time.Hour)
	garbled.Nonce = "x-" + garbled.Nonce
	bottles := made(time.Hour)
	bottles.Bottle = "01890a5d-ac96-774b-bcce-b302099a8057"
	for name, tt := range map[string]struct {
		labels   backends.Labels
		is, left bool
	}{
		"just made":        {made(0), true, false},
		"under way":        {made(backends.ThrowawayLimit - time.Second), true, false},
		"left":             {made(backends.ThrowawayLimit + time.Second), true, true},
		"of another clock": {made(-2 * backends.ThrowawayLimit), true, true},
		"with other words": {garbled, true, false},
		"of a bottle":      {bottles, false, false},
		"of nobody":        {backends.Labels{}, false, false},
	} {
		if is, left := backends.IsThrowaway(tt.labels, now); is != tt.is || left != tt.left {
			t.Errorf("%s: is %v, left %v", name, is, left)
		}
	}
	if l := backends.ThrowawayLabels("", "n", now); l.Home == "" || l.Nonce == "" || l.Generation != 1 {
		t.Errorf("without a home: %+v", l)
	}
}

// flaky fails at one step and notes what is called.
type flaky struct {
	backends.Backend
	at    string
	calls []string
}

var errFlaky = errors.New("flaky")

func (f *flaky) call(ctx context.Context, name string) error {
	f.calls = append(f.calls, name)
	if name == f.at {
		return errFlaky
	}
	return ctx.Err()
}

func (f *flaky) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	return backends.Instance{ID: "id of " + s.Name}, f.call(ctx, "create")
}

func (f *flaky) Start(ctx context.Context, r backends.Ref, env []string) error {
	return f.call(ctx, "start "+r.ID+" "+strings.Join(env, ","))
}

func (f *flaky) Wait(ctx context.Context, r backends.Ref) (backends.Observation, error) {
	return backends.Observation{Status: backends.StatusStopped}, f.call(ctx, "wait")
}

func (f *flaky) Remove(ctx context.Context, r backends.Ref) error { return f.call(ctx, "remove") }

// Whatever fails and whenever the time is over, the instance is removed, and
// no failure hides another.
func TestRunThrowawayAlwaysRemoves(t *testing.T) {
	spec := backends.InstanceSpec{Name: "x", Env: []string{"A=b"}}
	steps := []string{"create", "start id of x A=b", "wait", "remove"}
	for _, at := range append([]string{""}, steps...) {
		f := &flaky{at: at}
		o, err := backends.RunThrowaway(t.Context(), f, spec, func(backends.Progress) {})
		if (err != nil) != (at != "") || at != "" && !errors.Is(err, errFlaky) {
			t.Errorf("failing at %q: %v", at, err)
		}
		if f.calls[len(f.calls)-1] != "remove" || at == "" && (o.Status != backends.StatusStopped || len(f.calls) != len(steps)) {
			t.Errorf("failing at %q: %q", at, f.calls)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	f := &flaky{at: "remove"}
	if _, err := backends.RunThrowaway(over, f, spec, func(backends.Progress) {}); !errors.Is(err, context.Canceled) || !errors.Is(err, errFlaky) {
		t.Errorf("cut off: %v", err)
	}
}
