package fake_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// call is every method of a backend, by the name of its points.
func call(ctx context.Context, b backends.Backend, method string, ref backends.Ref) (err error) {
	switch method {
	case "probe":
		_, err = b.Probe(ctx)
	case "image":
		_, err = b.ResolveImage(ctx, "busybox", backends.PullMissing, func(backends.Progress) {})
	case "create":
		var s backends.InstanceSpec
		if s, err = specOf(b); err == nil {
			s.Name, s.Labels.Home = "bot-bottle-y", "home-y" // with a network of its own
			_, err = b.Create(ctx, s)
		}
	case "start":
		if err = b.Stop(ctx, ref, 0); err == nil {
			err = b.Start(ctx, ref, nil)
		}
	case "stop":
		err = b.Stop(ctx, ref, time.Second)
	case "remove":
		err = b.Remove(ctx, ref)
	case "inspect":
		_, err = b.Inspect(ctx, ref)
	case "find":
		_, err = b.Find(ctx, ref.Labels, ref.Name)
	case "list":
		_, err = b.List(ctx, "home")
	case "deep":
		err = b.(backends.DeepProber).DeepProbe(ctx, "deep", backends.ThrowawayLabels("", "n", time.Now()), func(backends.Progress) {})
	case "in-project":
		_, err = b.(backends.Projects).InProject(ctx, "project")
	case "exec":
		_, err = b.Exec(ctx, ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
	case "attach":
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err = b.Attach(ctx, ref, backends.AttachOptions{Started: true}, backends.Streams{}, func() {})
	case "wait":
		_, err = b.Wait(ctx, backends.Ref{Name: "nobody", ID: "x"})
	case "logs":
		err = b.Logs(ctx, ref, backends.LogOptions{Tail: -1}, io.Discard, io.Discard)
	case "copyin":
		var empty bytes.Buffer
		tar.NewWriter(&empty).Close()
		err = b.CopyIn(ctx, ref, "/", &empty)
	case "copyout":
		err = b.CopyOut(ctx, ref, "/etc", io.Discard)
	case "stat":
		_, err = b.Stat(ctx, ref, "/")
	case "sizes":
		_, err = b.Sizes(ctx, "home")
	case "leftovers":
		_, err = b.Leftovers(ctx, "home")
	case "release":
		err = b.Release(ctx, "home-z", backends.Leftover{Kind: "network", Ref: "bot-bottle-home-z"})
	default:
		err = errors.New("the test knows no " + method)
	}
	return err
}

func plan(t *testing.T, dir string, f fake.Faults) {
	t.Helper()
	if err := fake.SetFaults(dir, f); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPointCanFail(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	running(t, b)
	for _, point := range fake.Points() {
		t.Run(strings.ReplaceAll(point, ":", " "), func(t *testing.T) {
			method, step, _ := strings.Cut(point, ":")
			if method == "attach" && step == "after" {
				t.Skip("the attachment here is ended by its context, and nothing comes after a failure")
			}
			if o, err := b.Find(t.Context(), labels, "bot-bottle-x"); err != nil || o.Status != backends.StatusRunning {
				for _, verb := range []string{"create", "start"} { // what the last point ended
					if err := perform(t.Context(), b, verb, found(t, b)); err != nil {
						t.Fatal(err)
					}
				}
			}
			ref := found(t, b)
			if err := b.Remove(t.Context(), foundAs(t, b, "bot-bottle-y", "home-y")); err != nil {
				t.Fatal(err)
			}
			if err := b.Release(t.Context(), "home-y", backends.Leftover{Kind: "network", Ref: "bot-bottle-home-y"}); err != nil {
				t.Fatal(err)
			}
			plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: point, Error: backends.ErrInUse.Error()}}})
			if err := call(t.Context(), b, method, ref); !errors.Is(err, backends.ErrInUse) {
				t.Errorf("%s: %v, want the fault", point, err)
			}
			plan(t, dir, fake.Faults{})
			if method == "attach" {
				return
			}
			if err := call(t.Context(), b, method, ref); err != nil {
				t.Errorf("%s without the fault: %v", method, err)
			}
		})
	}
}

func found(t *testing.T, b backends.Backend) backends.Ref {
	return foundAs(t, b, "bot-bottle-x", labels.Home)
}

func foundAs(t *testing.T, b backends.Backend, name, home string) backends.Ref {
	t.Helper()
	l := labels
	l.Home = home
	o, err := b.Find(t.Context(), l, name)
	if err != nil {
		t.Fatal(err)
	}
	return backends.Ref{Name: name, ID: o.ID, Labels: l}
}

func TestBeforeIsWithoutTheEffectAndAfterWithIt(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ref := running(t, b)
	for _, c := range []struct {
		point string
		want  backends.Status
	}{
		{"stop:before", backends.StatusRunning}, {"stop:after", backends.StatusStopped},
		{"start:before", backends.StatusStopped}, {"start:after", backends.StatusRunning},
		{"remove:before", backends.StatusRunning}, {"remove:ended", backends.StatusStopped},
		{"remove:after", backends.StatusGone}, {"create:before", backends.StatusGone}, {"create:resource", backends.StatusGone},
		{"create:after", backends.StatusCreated},
	} {
		plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: c.point, Error: "anything"}}})
		verb, _, _ := strings.Cut(c.point, ":")
		if c.point == "create:before" { // then there is a network to make
			if err := b.Release(t.Context(), labels.Home, backends.Leftover{Kind: "network", Ref: "bot-bottle-home"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := perform(t.Context(), b, verb, ref); err == nil || !strings.Contains(err.Error(), "anything") {
			t.Errorf("%s: %v, want the fault", c.point, err)
		}
		status(t, b, c.want)
	}
}

func TestFaultsInAllTheirKinds(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	probe := func(ctx context.Context) error { _, err := b.Probe(ctx); return err }
	var down *backends.Unavailable

	plan(t, dir, fake.Faults{Unreachable: "the socket is gone"})
	if err := probe(t.Context()); !errors.As(err, &down) || down.Why != "the socket is gone" {
		t.Errorf("unreachable: %v", err)
	}
	plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: "probe:before", Error: "unavailable", Skip: 1, Times: 2}}})
	other := open(t, dir) // counts with us
	for i, want := range []bool{false, true, true, false, false} {
		_, err := []backends.Backend{b, other}[i%2].Probe(t.Context())
		if got := errors.As(err, &down); got != want {
			t.Errorf("call %d: %v, want a fault: %v", i, err, want)
		}
	}
	if left, err := fake.At(dir).Faults(); err != nil || len(left.Faults) > 0 {
		t.Errorf("when all that was planned has happened: %+v, %v", left, err)
	}
	plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: "probe:before", Skip: 3}}})
	if err := errors.Join(probe(t.Context()), probe(t.Context())); err != nil {
		t.Error(err)
	}
	if left, err := fake.At(dir).Faults(); err != nil || len(left.Faults) != 1 || left.Faults[0].Skip != 1 {
		t.Errorf("after two calls of three: %+v, %v", left, err)
	}
	plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: "probe:after", Hang: true}}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := probe(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: "probe:before", Delay: 100 * time.Millisecond}}})
	begin := time.Now()
	if err := probe(t.Context()); err != nil || time.Since(begin) < 100*time.Millisecond {
		t.Errorf("latency: %v after %s", err, time.Since(begin))
	}
	plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: "inspect:before", Instance: "x", Error: "not ours"}}})
	if _, err := b.Inspect(t.Context(), backends.Ref{Name: "y"}); err != nil {
		t.Errorf("of another instance: %v", err)
	}
	if _, err := b.Inspect(t.Context(), backends.Ref{Name: "x"}); !errors.Is(err, backends.ErrNotOurs) {
		t.Errorf("of this instance: %v", err)
	}
	plan(t, dir, fake.Faults{EngineID: "another engine"})
	if e, err := b.Probe(t.Context()); err != nil || e.ID != "another engine" {
		t.Errorf("who: %q, %v", e.ID, err)
	}
	plan(t, dir, fake.Faults{})
	if e, err := b.Probe(t.Context()); err != nil || e.ID == "another engine" || e.ID == "" {
		t.Errorf("who after all: %q, %v", e.ID, err)
	}
	if err := fake.SetFaults(dir, fake.Faults{Faults: []fake.Fault{{Point: "no:such"}}}); err == nil {
		t.Error("a point that is none was accepted")
	}
}

// TestKilledAtAnyEffect kills the process that acts, at every point of the
// methods that change something, and looks at what is there then.
func TestKilledAtAnyEffect(t *testing.T) {
	type outcome struct {
		point string
		want  []backends.Status
	}
	const created, runs, stopped, gone = backends.StatusCreated, backends.StatusRunning, backends.StatusStopped, backends.StatusGone
	table := []outcome{
		{"create:before", []backends.Status{gone}}, {"create:announced", []backends.Status{gone}},
		{"create:resource", []backends.Status{gone}}, {"create:after", []backends.Status{created}},
		{"start:before", []backends.Status{stopped}}, {"start:launched", []backends.Status{runs}}, {"start:after", []backends.Status{runs}},
		{"stop:before", []backends.Status{runs}}, {"stop:signalled", []backends.Status{stopped}}, {"stop:after", []backends.Status{stopped}},
		{"remove:before", []backends.Status{runs}}, {"remove:ended", []backends.Status{stopped}}, {"remove:after", []backends.Status{gone}},
	}
	for _, point := range fake.Points() {
		verb, _, _ := strings.Cut(point, ":")
		if slices.Contains([]string{"create", "start", "stop", "remove"}, verb) &&
			!slices.ContainsFunc(table, func(o outcome) bool { return o.point == point }) {
			t.Errorf("%s is not in the table", point)
		}
	}
	for _, c := range table {
		t.Run(strings.ReplaceAll(c.point, ":", " "), func(t *testing.T) {
			usable(t)
			t.Parallel()
			dir := t.TempDir()
			b := open(t, dir)
			verb, _, _ := strings.Cut(c.point, ":")
			var ref backends.Ref
			if verb != "create" {
				ref = running(t, b)
			}
			if verb == "start" {
				if err := b.Stop(t.Context(), ref, 0); err != nil {
					t.Fatal(err)
				}
			}
			plan(t, dir, fake.Faults{Faults: []fake.Fault{{Point: c.point, Kill: true}}})
			out, err := other(t, dir, verb)
			killed(t, err)
			if out != "" {
				t.Errorf("it said %q", out)
			}
			plan(t, dir, fake.Faults{})
			soon(t, string(c.want[0]), func() bool {
				o, err := b.Find(t.Context(), labels, "bot-bottle-x")
				if err != nil {
					t.Fatal(err)
				}
				return slices.Contains(c.want, o.Status)
			})
			// asking again ends where the killed one was to end
			if err := perform(t.Context(), b, verb, ref); err != nil {
				t.Errorf("%s again: %v", verb, err)
			}
			status(t, b, map[string]backends.Status{"create": created, "start": runs, "stop": stopped, "remove": gone}[verb])
			if left, err := b.Leftovers(t.Context(), labels.Home); err != nil || len(left) != 1 {
				t.Errorf("the home owns %v, %v", left, err)
			}
		})
	}
}
