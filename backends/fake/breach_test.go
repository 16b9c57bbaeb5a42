package fake_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/backendtest"
)

// breaches are backends that break one sentence of the contract each. The
// suite must fail at that sentence: a test that cannot fail holds nothing.
var breaches = map[string]struct {
	point string
	wrap  func(backends.Backend) backends.Backend
}{
	"create takes any namesake":       {"create/namesake_without_labels_is_not_ours", func(b backends.Backend) backends.Backend { return greedy{b} }},
	"create forgets to announce":      {"create/resources_are_announced_first", func(b backends.Backend) backends.Backend { return silent{b} }},
	"create loses an empty value":     {"spec/env_arrives_as_it_is", func(b backends.Backend) backends.Backend { return tidy{b} }},
	"start of a gone one is nil":      {"start/gone_is_not_found", func(b backends.Backend) backends.Backend { return eager{b} }},
	"stop does not wait":              {"stop/waits_for_the_end", func(b backends.Backend) backends.Backend { return hasty{b} }},
	"stop ignores its context":        {"stop/cut_off_can_be_asked_again", func(b backends.Backend) backends.Backend { return deaf{b} }},
	"remove goes by name":             {"remove/an_id_with_other_labels_is_left_alone", func(b backends.Backend) backends.Backend { return rough{b} }},
	"inspect takes gone for an error": {"inspect/missing_is_gone", func(b backends.Backend) backends.Backend { return strict{b} }},
	"list shows all homes":            {"list/only_our_home", func(b backends.Backend) backends.Backend { return nosy{b} }},
	"exec mixes the streams":          {"exec/streams_are_apart", func(b backends.Backend) backends.Backend { return mixed{b} }},
	"exec hides exit codes":           {"exec/exit_codes_are_results", func(b backends.Backend) backends.Backend { return flat{b} }},
	"attach types for readers":        {"attach/read_only_never_types", func(b backends.Backend) backends.Backend { return typist{b} }},
	"attach is ready too early":       {"attach/before_start_misses_nothing", func(b backends.Backend) backends.Backend { return early{b} }},
	"logs ignore the tail":            {"logs/tail", func(b backends.Backend) backends.Backend { return wordy{b} }},
	"copy follows links":              {"stat/a_link_is_not_followed", func(b backends.Backend) backends.Backend { return follower{b} }},
}

const envBreach = "FAKE_TEST_BREACH"

// TestBreach is the suite over the backend that envBreach names.
func TestBreach(t *testing.T) {
	b, ok := breaches[os.Getenv(envBreach)]
	if !ok {
		t.Skip("runs by TestTheSuiteSeesBreaches only")
	}
	backendtest.Run(t, harness(t, b.wrap))
}

func TestTheSuiteSeesBreaches(t *testing.T) {
	usable(t)
	for name, b := range breaches {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			group, what, _ := strings.Cut(b.point, "/")
			run := func(breach string) (string, error) {
				cmd := exec.Command(os.Args[0], "-test.v", "-test.timeout=60s", "-test.run=^TestBreach$/^"+group+"$/^"+what+"$")
				cmd.Env = append(os.Environ(), envBreach+"="+breach, "GORACE=atexit_sleep_ms=0")
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if out, err := run(name); err == nil || !strings.Contains(out, "--- FAIL: TestBreach/"+b.point+" ") {
				t.Errorf("the suite holds a backend that breaks %s (%v):\n%s", b.point, err, out)
			}
		})
	}
}

type greedy struct{ backends.Backend }

func (b greedy) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	i, err := b.Backend.Create(ctx, s)
	if errors.Is(err, backends.ErrNotOurs) {
		err = nil
	}
	return i, err
}

type silent struct{ backends.Backend }

func (b silent) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	s.Resource = func(backends.Leftover) error { return nil }
	return b.Backend.Create(ctx, s)
}

type tidy struct{ backends.Backend }

func (b tidy) Create(ctx context.Context, s backends.InstanceSpec) (backends.Instance, error) {
	env := s.Env
	s.Env = nil
	for _, kv := range env {
		s.Env = append(s.Env, strings.TrimSpace(kv))
	}
	return b.Backend.Create(ctx, s)
}

type eager struct{ backends.Backend }

func (b eager) Start(ctx context.Context, ref backends.Ref, env []string) error {
	err := b.Backend.Start(ctx, ref, env)
	if errors.Is(err, backends.ErrNotFound) {
		return nil
	}
	return err
}

type hasty struct{ backends.Backend }

func (b hasty) Stop(ctx context.Context, ref backends.Ref, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	b.Backend.Stop(ctx, ref, grace)
	return nil
}

type deaf struct{ backends.Backend }

func (b deaf) Stop(ctx context.Context, ref backends.Ref, grace time.Duration) error {
	return b.Backend.Stop(context.WithoutCancel(ctx), ref, grace)
}

type rough struct{ backends.Backend }

func (b rough) Remove(ctx context.Context, ref backends.Ref) error {
	ref.Foreign = true
	return b.Backend.Remove(ctx, ref)
}

type strict struct{ backends.Backend }

func (b strict) Inspect(ctx context.Context, ref backends.Ref) (backends.Observation, error) {
	o, err := b.Backend.Inspect(ctx, ref)
	if o.Status == backends.StatusGone {
		err = backends.ErrNotFound
	}
	return o, err
}

type nosy struct{ backends.Backend }

func (b nosy) List(ctx context.Context, _ string) ([]backends.Observation, error) {
	return b.Backend.List(ctx, "")
}

type mixed struct{ backends.Backend }

func (b mixed) Exec(ctx context.Context, ref backends.Ref, cmd backends.Command, s backends.Streams) (int, error) {
	s.Err = s.Out
	return b.Backend.Exec(ctx, ref, cmd, s)
}

type flat struct{ backends.Backend }

func (b flat) Exec(ctx context.Context, ref backends.Ref, cmd backends.Command, s backends.Streams) (int, error) {
	code, err := b.Backend.Exec(ctx, ref, cmd, s)
	return min(code, 1), err
}

type typist struct{ backends.Backend }

func (b typist) Attach(ctx context.Context, ref backends.Ref, o backends.AttachOptions, s backends.Streams, ready func()) (backends.Detachment, error) {
	o.ReadOnly = false
	return b.Backend.Attach(ctx, ref, o, s, ready)
}

type early struct{ backends.Backend }

func (b early) Attach(ctx context.Context, ref backends.Ref, o backends.AttachOptions, s backends.Streams, ready func()) (backends.Detachment, error) {
	ready()
	for {
		seen, err := b.Backend.Inspect(ctx, ref)
		if err != nil || seen.Status == backends.StatusStopped {
			return backends.Ended, err
		}
		if seen.Status == backends.StatusRunning {
			time.Sleep(300 * time.Millisecond) // by now it has said something
			break
		}
	}
	o.Started = true
	return b.Backend.Attach(ctx, ref, o, s, func() {})
}

type wordy struct{ backends.Backend }

func (b wordy) Logs(ctx context.Context, ref backends.Ref, o backends.LogOptions, out, errs io.Writer) error {
	o.Tail = -1
	return b.Backend.Logs(ctx, ref, o, out, errs)
}

type follower struct{ backends.Backend }

func (b follower) Stat(ctx context.Context, ref backends.Ref, path string) (backends.PathStat, error) {
	st, err := b.Backend.Stat(ctx, ref, path)
	if st.Link != "" {
		return b.Backend.Stat(ctx, ref, st.Link)
	}
	return st, err
}
