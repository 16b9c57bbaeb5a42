package lifecycle

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// Resume brings a bottle back in its recorded backend. It ends in one of
// three ways: the same instance runs; a new generation, which the user asked
// for; or a refusal with the command that works.
func (m *Manager) Resume(ctx context.Context, id string, r ResumeRequest) (Outcome, error) {
	h, err := m.own(ctx, id, true)
	if err != nil {
		return Outcome{}, err
	}
	defer h.release()
	m.contradict(h.b)
	m.tellImported(h.b, r.NewInstance)
	action := projections.Resume
	if r.NewInstance {
		action = projections.NewInstance
	}
	done, err := h.b.Can(action)
	if err != nil {
		return Outcome{Bottle: h.b}, about(h.b.Slug, h.b.Backend, err)
	}
	if h.b.AgentByExec() && !r.NewInstance {
		r.Foreground = nil // there is no agent to connect to
	}
	if done && h.b.Observed != string(backends.StatusPaused) {
		h.release()
		if r.Foreground == nil {
			return Outcome{Bottle: h.b, Already: true}, nil
		}
		return m.Attach(ctx, id, *r.Foreground)
	}
	if r.NewInstance || h.b.Instance == nil {
		return h.renew(ctx, r)
	}
	if err := h.fitsInstance(r); err != nil {
		return Outcome{Bottle: h.b}, err
	}
	if h.env, err = m.envOfStart(h.b, r); err != nil {
		return Outcome{Bottle: h.b}, err
	}
	if err := h.request(ctx, &events.ActionRequested{Action: events.ActionResume, Generation: h.b.Generation}, allows(action)); err != nil {
		return Outcome{Bottle: h.b}, about(h.b.Slug, h.b.Backend, err)
	}
	return h.run(ctx, r.Foreground)
}

// tellImported says aloud what is not as with other bottles.
func (m *Manager) tellImported(b projections.Bottle, anew bool) {
	if b.Assumed() {
		m.warn(b.Slug, fmt.Sprintf("its imported record named no backend: %s is assumed", b.Backend))
	}
	if !b.AgentByExec() || anew {
		return
	}
	m.warn(b.Slug, "it was imported: its instance is started, and the agent is not; to start that: "+b.ExecLine())
	m.tellProject(b)
}

// tellProject says what a bottle's own instance is not: the rest of what the
// other tool made with it.
func (m *Manager) tellProject(b projections.Bottle) {
	if b.Imported != nil && b.Imported.ComposeProject != "" && b.Instance != nil {
		m.warn(b.Slug, fmt.Sprintf("what else there is of its compose project %s is left as it is", b.Imported.ComposeProject))
	}
}

// fitsInstance refuses what an existing instance cannot take: the engine
// keeps its command and, for most kinds, its environment.
func (h *hold) fitsInstance(r ResumeRequest) error {
	what := ""
	switch {
	case len(r.Argv) > 0:
		what = "other words for the agent"
	case len(r.Env)+len(r.EnvFiles) > 0 && h.m.keepsEnv(h.b):
		what = "other values for variables"
	default:
		return nil
	}
	return &Problem{Code: CodeWrongState, Slug: h.b.Slug, Backend: h.b.Backend,
		Message: fmt.Sprintf("bottle %s: its instance keeps what it was made with, so %s take a new instance", h.b.Slug, what),
		Next:    "bot-bottle resume --new-instance " + h.b.Slug}
}

// renew makes a new generation from the recorded image and removes the old
// one, if there is any: the user asked for it. The first instance of a bottle
// whose creation failed is no replacement.
func (h *hold) renew(ctx context.Context, r ResumeRequest) (Outcome, error) {
	m, b := h.m, h.b
	refuse := func(err error) (Outcome, error) { return Outcome{Bottle: h.b}, about(b.Slug, b.Backend, err) }
	if b.Private == nil {
		return refuse(&Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend,
			Message: fmt.Sprintf("bottle %s: its words and folders were redacted, so no new instance can be made", b.Slug)})
	}
	if err := mayReplace(&b); err != nil {
		return refuse(err)
	}
	if b.Imported != nil && len(r.Argv) == 0 {
		return refuse(&Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend,
			Message: fmt.Sprintf("bottle %s was imported, and no record has the words of its agent", b.Slug),
			Next:    "bot-bottle resume --new-instance " + b.Slug + " -- ARGV…"})
	}
	env, err := m.recallEnv(b, "resume --new-instance", r)
	if err != nil {
		return refuse(err)
	}
	be, err := h.backend()
	if err != nil {
		return refuse(err)
	}
	if err := m.sameEngine(ctx, be, b); err != nil {
		return refuse(err)
	}
	img, err := m.recordedImage(ctx, be, b)
	if err != nil {
		return refuse(err)
	}
	claim := &events.ActionRequested{Action: events.ActionResume, Generation: b.Generation + 1, Nonce: m.Nonce(), NewInstance: b.Instance != nil}
	if err := h.request(ctx, claim, mayReplace); err != nil {
		return refuse(err)
	}
	if b.Instance != nil {
		m.warn(b.Slug, fmt.Sprintf("generation %d replaces generation %d", claim.Generation, b.Generation))
		m.At("resume:remove")
		q, cancel := m.bounded(ctx)
		err := be.Remove(q, m.refOf(b))
		cancel()
		if err != nil {
			return refuse(h.fail(ctx, events.ActionResume, m.unanswered(ctx, q, placeOf(b), err)))
		}
	}
	if err := h.prepare(ctx); err != nil {
		return refuse(h.fail(ctx, events.ActionResume, err))
	}
	if err := h.build(ctx, img, env, r.Argv...); err != nil {
		return refuse(err)
	}
	return h.run(ctx, r.Foreground)
}

// mayReplace asks whether a bottle may get a new instance. The old one goes
// with all that only it holds, which a protection keeps.
func mayReplace(b *projections.Bottle) error {
	if b.Protected && b.Instance != nil && b.State != projections.Lost {
		return &projections.Refusal{Slug: b.Slug, Action: projections.NewInstance, State: b.State, Kind: "protected",
			Reason: "is protected, and its instance would go", Next: "bot-bottle unprotect " + b.Slug}
	}
	return allows(projections.NewInstance)(b)
}

// recordedImage finds the very image of the last generation: by its content
// id, then by the digest that a registry knows. Only a bottle that never had
// an instance gets what the name means today.
func (m *Manager) recordedImage(ctx context.Context, be backends.Backend, b projections.Bottle) (backends.Image, error) {
	c := recorded(b)
	if b.Instance == nil || b.Instance.ImageID == "" {
		return m.resolve(ctx, be, c, b.Spec.Image, backends.Pull(b.Spec.Pull))
	}
	img, err := m.resolve(ctx, be, c, b.Instance.ImageID, backends.PullNever)
	if err != nil && b.Instance.ImageDigest != "" {
		img, err = m.resolve(ctx, be, c, b.Instance.ImageDigest, backends.PullMissing)
	}
	if err != nil {
		return img, &Problem{Code: CodeWrongState, Slug: b.Slug, Backend: b.Backend, Err: err,
			Message: fmt.Sprintf("bottle %s: the image it was made from is not there any more, and another one would not be the same", b.Slug),
			Next:    "bot-bottle show " + b.Slug}
	}
	img.Digest = orElse(img.Digest, b.Instance.ImageDigest)
	return img, nil
}
