package fake

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Make makes an instance with exactly these labels, which does not run.
func (e *Engine) Make(name string, labels map[string]string) (id string, err error) {
	r, err := e.make(context.Background(), backends.InstanceSpec{
		Name: name, Image: backends.Image{ID: builtin[1].ID}, Argv: builtin[1].Argv, Workdir: "/", Network: "none"}, false, labels)
	if err != nil {
		return "", err
	}
	return r.ID, nil
}

// ID is the id of what has the name; "" when nothing has.
func (e *Engine) ID(name string) (string, error) {
	r, err := e.named(name)
	if err != nil || r == nil {
		return "", err
	}
	return r.ID, nil
}

// Names lists the instances, running or not.
func (e *Engine) Names() ([]string, error) {
	all, err := e.all()
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	return names, err
}

// Delete removes what has the name. Nothing there: nil.
func (e *Engine) Delete(name string) error {
	r, err := e.named(name)
	if err != nil || r == nil {
		return err
	}
	return e.remove(context.Background(), r.ID, func() error { return nil })
}

// Stop ends what has the name hard.
func (e *Engine) Stop(name string) error {
	return e.with(name, func(r *record) error { return e.kill(context.Background(), r.ID) })
}

// Start runs what has the name.
func (e *Engine) Start(name string) error {
	return e.with(name, func(r *record) error {
		return e.start(context.Background(), r.ID, nil, func() error { return nil })
	})
}

// Pause freezes what has the name.
func (e *Engine) Pause(name string) error {
	return e.with(name, func(r *record) error { return e.tell(context.Background(), r.ID, request{Op: opPause}) })
}

// Unpause thaws it.
func (e *Engine) Unpause(name string) error {
	return e.with(name, func(r *record) error { return e.tell(context.Background(), r.ID, request{Op: opUnpause}) })
}

// Rename gives what has the name another one, which must be free.
func (e *Engine) Rename(name, to string) error {
	unlock, err := lock(context.Background(), e.path("lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if r, err := e.named(to); err != nil || r != nil {
		return fmt.Errorf("rename to %s, which is taken: %w", to, err)
	}
	return e.with(name, func(r *record) error {
		r.Name = to
		return e.save(r)
	})
}

func (e *Engine) with(name string, do func(*record) error) error {
	r, err := e.named(name)
	if err == nil && r == nil {
		err = backends.ErrNotFound
	}
	if err == nil {
		err = do(r)
	}
	if err != nil {
		return fmt.Errorf("fake: %s: %w", name, err)
	}
	return nil
}
