package backendtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// everyCall is every method that asks the engine, by name. Create is asked
// for spec, the others for ref.
func (r *rig) everyCall(b backends.Backend, ref backends.Ref, spec backends.InstanceSpec) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Probe": func(ctx context.Context) error { _, err := b.Probe(ctx); return err },
		"ResolveImage": func(ctx context.Context) error {
			_, err := b.ResolveImage(ctx, r.h.Image, backends.PullNever, func(backends.Progress) {})
			return err
		},
		"Create":  func(ctx context.Context) error { _, err := b.Create(ctx, spec); return err },
		"Start":   func(ctx context.Context) error { return b.Start(ctx, ref, nil) },
		"Stop":    func(ctx context.Context) error { return b.Stop(ctx, ref, time.Minute) },
		"Remove":  func(ctx context.Context) error { return b.Remove(ctx, ref) },
		"Inspect": func(ctx context.Context) error { _, err := b.Inspect(ctx, ref); return err },
		"Find":    func(ctx context.Context) error { _, err := b.Find(ctx, ref.Labels, ref.Name); return err },
		"List":    func(ctx context.Context) error { _, err := b.List(ctx, r.home); return err },
		"Exec": func(ctx context.Context) error {
			_, err := b.Exec(ctx, ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
			return err
		},
		"Wait": func(ctx context.Context) error { _, err := b.Wait(ctx, ref); return err },
		"Logs": func(ctx context.Context) error {
			return b.Logs(ctx, ref, backends.LogOptions{Tail: -1}, io.Discard, io.Discard)
		},
		"Stat":    func(ctx context.Context) error { _, err := b.Stat(ctx, ref, "/"); return err },
		"CopyOut": func(ctx context.Context) error { return b.CopyOut(ctx, ref, "/etc", io.Discard) },
		"CopyIn": func(ctx context.Context) error {
			return b.CopyIn(ctx, ref, "/", bytes.NewReader(pack(r, entry{name: "f"}).Bytes()))
		},
		"Leftovers": func(ctx context.Context) error { _, err := b.Leftovers(ctx, r.home); return err },
	}
}

// deadPoints hold that an engine that does not answer is never an answer.
var deadPoints = []point{
	{"dead/absent_is_unavailable", nil, func(r *rig) { r.dead("absent") }},
	{"dead/rubbish_is_unavailable", nil, func(r *rig) { r.dead("rubbish") }},
	{"dead/hanging_is_bounded_by_the_context", nil, func(r *rig) { r.dead("hanging") }},
}

// dead asks an engine that does not work everything. A hanging one may also
// be told by the end of the context.
func (r *rig) dead(what string) {
	open := r.h.Dead[what]
	r.hook(open != nil, "engine that is "+what)
	b := open(r.T)
	defer b.Close()
	s := r.spec(idle()...)
	ref := backends.Ref{Name: s.Name, ID: "0123456789abcdef", Labels: s.Labels}
	for name, call := range r.everyCall(b, ref, s) {
		ctx, cancel := context.WithCancel(r.ctx())
		if what == "hanging" {
			ctx, cancel = context.WithTimeout(r.ctx(), 200*time.Millisecond)
		}
		r.prompt(name, func() {
			err := call(ctx)
			var down *backends.Unavailable
			switch {
			case what == "hanging" && errors.Is(err, context.DeadlineExceeded):
			case !errors.As(err, &down):
				r.Errorf("%s of an engine that is %s: %v, want an Unavailable", name, what, err)
			case down.Backend == "" || down.Endpoint == "" || down.Why == "":
				r.Errorf("%s: the Unavailable does not say what is: %+v", name, down)
			}
		})
		cancel()
	}
}
