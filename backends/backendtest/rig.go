package backendtest

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// rig is what one test works with.
type rig struct {
	*testing.T
	*suite
	h Harness
	b backends.Backend // this process's view
}

// open gives another handle to the same endpoint: another process's view.
func (r *rig) open() backends.Backend {
	b := r.h.Open(r.T)
	r.Cleanup(func() { b.Close() })
	if r.h.NoStart != "" {
		return &atRest{b, r}
	}
	return b
}

// starts skips the test where nothing can be started.
func (r *rig) starts() {
	r.Helper()
	if r.h.NoStart != "" {
		r.Skip(r.h.NoStart)
	}
}

// atRest is a backend that is not asked to start what it could start. What it
// refuses to start is refused as ever.
type atRest struct {
	backends.Backend
	r *rig
}

func (a *atRest) Start(ctx context.Context, ref backends.Ref, env []string) error {
	a.r.Helper()
	o, err := a.Inspect(ctx, ref)
	if err == nil && (o.Status == backends.StatusCreated || o.Status == backends.StatusStopped) {
		a.r.starts()
	}
	return a.Backend.Start(ctx, ref, env)
}

// ctx is a context as long as one call may take.
func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(r.Context(), r.h.Patience)
	r.Cleanup(cancel)
	return ctx
}

// sh is an argv that runs a script.
func sh(script string) []string { return []string{"sh", "-c", script} }

// idle runs until it is ended, and ends at once with 0 on the stop signal.
func idle() []string { return sh("trap 'exit 0' TERM; while :; do sleep 0.1; done") }

// spec describes a new instance that nobody has; what has its name is deleted
// when the test ends.
func (r *rig) spec(argv ...string) backends.InstanceSpec {
	s := r.instance(argv)
	r.Cleanup(func() { r.h.Behind.Delete(r.T, s.Name) })
	return s
}

// instance describes a new one.
func (s *suite) instance(argv []string) backends.InstanceSpec {
	id := token()
	return backends.InstanceSpec{
		Name: "bot-bottle-bt-" + id, Slug: "bt-" + id, Image: s.image, Argv: argv, Network: "none",
		CPUs: s.h.CPUs, Memory: s.h.Memory,
		Labels:   backends.Labels{Home: s.home, Bottle: "bottle-" + id, Nonce: "nonce-" + id, Generation: 1},
		Resource: func(backends.Leftover) error { return nil },
	}
}

// create makes what the spec says and returns what names it.
func (r *rig) create(s backends.InstanceSpec) backends.Ref {
	r.Helper()
	inst, err := r.b.Create(r.ctx(), s)
	if err != nil {
		r.Fatalf("Create: %v", err)
	}
	return backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
}

// running makes an instance and starts it.
func (r *rig) running(argv ...string) backends.Ref {
	r.Helper()
	return r.runningSpec(r.spec(argv...))
}

func (r *rig) runningSpec(s backends.InstanceSpec) backends.Ref {
	r.Helper()
	ref := r.create(s)
	r.must(r.b.Start(r.ctx(), ref, s.Env), "Start")
	return ref
}

// shared is a running instance that tests use together, for what leaves it
// running and writes only below a folder of its own.
func (r *rig) shared() backends.Ref {
	r.Helper()
	r.starts()
	r.shareOnce.Do(func() {
		s := r.instance(idle())
		r.share.Name = s.Name
		inst, err := r.b.Create(r.ctx(), s)
		if err == nil {
			r.share = backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
			err = r.b.Start(r.ctx(), r.share, nil)
		}
		r.shareErr = err
	})
	if r.shareErr != nil {
		r.Fatalf("the shared instance: %v", r.shareErr)
	}
	return r.share
}

func (r *rig) must(err error, what string) {
	r.Helper()
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}

// is checks the kind of an error.
func (r *rig) is(err, want error, what string) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (r *rig) inspect(ref backends.Ref) backends.Observation {
	r.Helper()
	o, err := r.b.Inspect(r.ctx(), ref)
	r.must(err, "Inspect")
	return o
}

// status checks what the engine says of an instance.
func (r *rig) status(ref backends.Ref, want backends.Status) backends.Observation {
	r.Helper()
	o := r.inspect(ref)
	if o.Status != want {
		r.Errorf("Inspect says %s, want %s", o.Status, want)
	}
	return o
}

// wait waits for the end of the main process.
func (r *rig) wait(ref backends.Ref) backends.Observation {
	r.Helper()
	o, err := r.b.Wait(r.ctx(), ref)
	r.must(err, "Wait")
	return o
}

// code checks how the main process ended.
func (r *rig) code(o backends.Observation, want int) {
	r.Helper()
	if why, without := r.h.Without[ExitCodes]; without {
		r.Logf("exit code not compared: %s", why)
		return
	}
	if o.ExitCode == nil || *o.ExitCode != want {
		got := "none"
		if o.ExitCode != nil {
			got = strconv.Itoa(*o.ExitCode)
		}
		r.Errorf("exit code %s, want %d", got, want)
	}
}

// exec runs a command and returns its code and what it printed.
func (r *rig) exec(ref backends.Ref, cmd backends.Command, in string) (code int, out, err string) {
	r.Helper()
	var o, e strings.Builder
	s := backends.Streams{Out: &o, Err: &e}
	if cmd.Stdin {
		s.In = strings.NewReader(in)
	}
	code, fail := r.b.Exec(r.ctx(), ref, cmd, s)
	r.must(fail, "Exec")
	return code, o.String(), e.String()
}

// says runs a script in the instance and checks what it prints.
func (r *rig) says(ref backends.Ref, script, want string) {
	r.Helper()
	code, out, errs := r.exec(ref, backends.Command{Argv: sh(script)}, "")
	if code != 0 || out != want {
		r.Errorf("%q printed %q and ended with %d (%q), want %q", script, out, code, errs, want)
	}
}

// prompt checks that f is back soon.
func (r *rig) prompt(what string, f func()) {
	r.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took > r.h.Prompt {
		r.Errorf("%s took %s, more than %s", what, took, r.h.Prompt)
	}
}

// aside runs f beside the test, which ends after it. What f asks the engine
// is cut off when the test returns: wait where it must not be.
func (r *rig) aside(f func()) (wait func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	r.Cleanup(func() { <-done })
	return func() { <-done }
}

// poll waits until ok says yes, as long as one call may take. It may be used
// in any goroutine.
func (r *rig) poll(what string, ok func() bool) bool {
	for deadline := time.Now().Add(r.h.Patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) || r.Context().Err() != nil {
			r.Errorf("never: %s", what)
			return false
		}
	}
	return true
}

// eventually is poll for the test's own goroutine: no means its end.
func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	if !r.poll(what, ok) {
		r.FailNow()
	}
}

// hook skips the test when the harness does not have what it needs.
func (r *rig) hook(there bool, name string) {
	r.Helper()
	if !there {
		r.Skipf("the harness has no %s", name)
	}
}

// screen collects output that another goroutine writes.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *screen) has(part string) func() bool {
	return func() bool { return strings.Contains(s.String(), part) }
}

// late is a context for clean-up, when the test's own is over.
func (r *rig) late() context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), r.h.Patience)
	r.Cleanup(cancel)
	return ctx
}
