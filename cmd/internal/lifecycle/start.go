package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Start makes a new bottle as planned and runs its agent. Until the image is
// found nothing is recorded; from then on the bottle exists, whatever fails.
func (m *Manager) Start(ctx context.Context, p Plan, fg *Foreground) (Outcome, error) {
	c := p.Created
	if b, err := m.sameRequest(ctx, c); err != nil {
		return Outcome{}, err
	} else if b != nil {
		return Outcome{Bottle: *b, Already: true}, nil
	}
	be, err := m.Backends.Open(c.Backend, c.Endpoint)
	if err != nil {
		return Outcome{}, err
	}
	lent := false
	defer func() {
		if !lent {
			be.Close()
		}
	}()
	n, err := m.freeThere(ctx, be, &c, p.SlugIsMade)
	if err != nil {
		return Outcome{}, err
	}
	img, err := m.resolve(ctx, be, c, c.Spec.Image, backends.Pull(c.Spec.Pull))
	if err != nil {
		return Outcome{}, err
	}
	if len(c.Argv) == 0 && !img.Runs {
		return Outcome{}, usage("image %s names no command to run: give ARGV after --", c.Spec.Image)
	}
	id, nonce := m.NewID(), m.Nonce()
	switch c.Workspace.Mode {
	case workClone:
		c.Workspace.Clone = filepath.Join(m.Home, clonesDir, id, filepath.Base(c.Workspace.Source))
		c.Spec.DefaultUser = owner(m.Home)
	case workBind:
		if !c.Workspace.ReadOnly {
			c.Spec.DefaultUser = owner(c.Workspace.Source)
		}
	}
	if c.Spec.User != "" {
		c.Spec.DefaultUser = ""
	}
	h, err := m.take(ctx, id)
	if err != nil {
		return Outcome{}, err
	}
	h.be, lent = be, true
	defer h.release()
	switch same, err := h.create(ctx, id, nonce, c, p.Created.Slug, n); {
	case err != nil:
		return Outcome{}, err
	case same: // another process was quicker
		h.release()
		return m.Start(ctx, p, fg)
	}
	err = h.prepare(ctx)
	if err != nil {
		err = h.fail(ctx, events.ActionStart, err)
	} else {
		err = h.build(ctx, img, p.env)
	}
	if err != nil {
		return Outcome{Bottle: h.b}, err
	}
	return h.run(ctx, fg)
}

// owner is the uid:gid of a folder, "" for root: an agent that writes there
// must leave files that belong to whom the folder belongs.
func owner(dir string) string {
	st, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok || s.Uid == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid)
}

// resolve finds the image, telling of progress.
func (m *Manager) resolve(ctx context.Context, be backends.Backend, c events.BottleCreated, ref string, pull backends.Pull) (backends.Image, error) {
	m.At("start:image")
	if pull == "" {
		pull = backends.PullMissing
	}
	img, err := m.findImage(ctx, be, c.Backend, ref, pull, func(pr backends.Progress) {
		m.Say(Notice{Level: Progress, Slug: c.Slug, Step: "InstanceCreated", Text: pr.Detail, Progress: pr})
	})
	var down *backends.Unavailable
	if err == nil || errors.As(err, &down) || ctx.Err() != nil {
		return img, err
	}
	// Engines report most failures of registries as their own, without a type.
	next := "docker login, for a private registry; or build or load the image and add --pull never"
	if errors.Is(err, backends.ErrImageNotFound) {
		next = "bot-bottle start --image NAME …, or build it first"
	}
	return img, &Problem{Code: CodeUsage, Backend: c.Backend, Message: fmt.Sprintf("image %s", ref), Err: err, Next: next}
}

// create records the new bottle and its claim in one append. same is true
// when the idempotency key turned out to be taken by the same request.
func (h *hold) create(ctx context.Context, id, nonce string, c events.BottleCreated, base string, n int) (same bool, err error) {
	m := h.m
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.At("start:request")
	ctx = bookkeeping(ctx)
	var made projections.Bottle
	err = m.Log.Update(ctx, func(tx *events.Tx) error {
		if c.IdempotencyKey != "" {
			other, err := projections.ByIdempotencyKey(ctx, tx, c.IdempotencyKey)
			if err != nil {
				return err
			}
			if same = other != ""; same {
				return nil
			}
		}
		if err := freeName(ctx, tx, &c, base, n); err != nil {
			return err
		}
		claim := &events.ActionRequested{Action: events.ActionStart, Generation: 1, Nonce: nonce}
		if _, err := tx.Append(ctx, id, 0, &c, claim); err != nil {
			return err
		}
		made, err = m.Tables.Load(ctx, tx, id)
		return err
	})
	if err != nil || same {
		return same, err
	}
	h.b = made
	h.claim = h.b.Pending.Version
	m.step(h.b.Slug, "BottleCreated", fmt.Sprintf("bottle %s in %s", h.b.Slug, h.b.Backend))
	m.At("start:requested")
	return false, nil
}

// prepare makes on the host what the instance will mount.
func (h *hold) prepare(ctx context.Context) error {
	if h.b.Private == nil {
		return nil
	}
	if err := makeSources(h.b.Private.Mounts); err != nil {
		return err
	}
	w := h.b.Private.Workspace
	if w.Mode != workClone || exists(w.Clone) && h.b.Instance != nil {
		return nil
	}
	clone := projections.Resource{Kind: "clone", Ref: w.Clone}
	if err := h.createResource(ctx, clone.Kind, clone.Ref); err != nil {
		return err
	}
	h.m.At("start:clone")
	h.m.step(h.b.Slug, "ResourceCreated", fmt.Sprintf("clone %s at %.12s", w.Source, w.Commit))
	return makeClone(ctx, w)
}

// createResource records that something besides the instance is about to be
// made, once.
func (h *hold) createResource(ctx context.Context, kind, ref string) error {
	for _, r := range h.b.Resources {
		if r.Kind == kind && r.Ref == ref {
			return nil
		}
	}
	return h.record(ctx, &events.ResourceCreated{Kind: kind, Ref: ref})
}
