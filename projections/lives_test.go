package projections_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// life is what the generator knows of one bottle: enough to draw only events
// that lifecycle could append next, and to say what state they lead to. It is
// written without the fold, so that the two check each other.
type life struct {
	id         string
	slug       string
	instance   string // name
	state      projections.State
	pending    string // action of the open claim
	fresh      bool   // the open claim is to make a new instance
	made       bool   // there was an instance
	generation int
	resources  []projections.Resource
	version    int64
}

// step is one append: what happened to which bottle and how it then stands.
type step struct {
	stream  string
	expect  int64 // version before
	events  []events.Payload
	state   projections.State
	pending string
}

// world draws lives of several bottles, in any interleaving, with slugs that
// are used again once they are free.
type world struct {
	t     *rapid.T
	lives []*life
	steps []step
}

var slugPool = []string{"fix-login", "fix", "api", "api-2", "docs", "01890a", "cafe01"}

func drawSteps(t *rapid.T, bottles, atMost int) []step {
	w := &world{t: t}
	n := rapid.IntRange(atMost/2, atMost).Draw(t, "steps")
	for range n {
		w.step(bottles)
	}
	return w.steps
}

func (w *world) step(bottles int) {
	if len(w.lives) == 0 || len(w.lives) < bottles && w.chance("new", 4) {
		if l := w.born(); l != nil {
			return
		}
	}
	l := w.lives[rapid.IntRange(0, len(w.lives)-1).Draw(w.t, "bottle")]
	expect := l.version
	ps := w.next(l)
	l.version += int64(len(ps))
	w.steps = append(w.steps, step{l.id, expect, ps, l.state, l.pending})
}

func (w *world) born() *life {
	slug := w.freeSlug()
	if slug == "" {
		return nil
	}
	l := &life{slug: slug, instance: w.freeInstance(slug), state: projections.Created, pending: events.ActionStart, fresh: true, version: 2}
	l.id = fmt.Sprintf("01890a5d-%04x-7%03x-8%03x-%012x", rapid.IntRange(0, 0xffff).Draw(w.t, "id"), len(w.lives), rapid.IntRange(0, 0xfff).Draw(w.t, "id"), rapid.Uint64Range(0, 0xffffffffffff).Draw(w.t, "id"))
	c := &events.BottleCreated{
		Source: w.one("source", "start", "import", "adopt"), Slug: slug, Agent: w.one("agent", "claude", "sh", ""),
		Backend: w.one("backend", "docker", "smolmachines"), Endpoint: w.one("endpoint", "unix:///var/run/docker.sock", "/tmp/a b"),
		BackendSource: w.one("rule", "flag", "env", "detected"), InstanceName: l.instance,
		Spec:    events.Spec{Image: "busybox", Network: "full", Protected: w.chance("protected", 6), Labels: w.labels()},
		Private: events.Private{Cwd: "/work", Argv: []string{"sh", "-c", "echo <&>"}, Env: []events.EnvVar{{Name: "A", Source: "plain", Value: "1"}}},
	}
	if w.chance("key", 3) {
		c.IdempotencyKey = "key-" + l.id
	}
	w.lives = append(w.lives, l)
	w.steps = append(w.steps, step{l.id, 0, []events.Payload{c, &events.ActionRequested{Action: "start", Generation: 1, Nonce: "n1"}}, l.state, l.pending})
	return l
}

// next draws one append of a bottle that exists.
func (w *world) next(l *life) []events.Payload {
	if l.state == projections.Removed {
		if len(l.resources) > 0 {
			return w.release(l)
		}
		return []events.Payload{&events.ExecEnded{Started: 1}} // a late one: the exec outlived its bottle
	}
	switch {
	case w.chance("edit", 5):
		return w.edit(l)
	case w.chance("resource", 8):
		return w.resource(l)
	case w.chance("audit", 8):
		return w.audit()
	case l.pending != "":
		return w.outcome(l)
	case l.made && w.chance("observe", 4):
		return w.observe(l)
	}
	return w.request(l)
}

func (w *world) edit(l *life) []events.Payload {
	switch w.one("edit", "rename", "label", "protect") {
	case "rename":
		if to := w.freeSlug(); to != "" {
			from := l.slug
			l.slug = to
			return []events.Payload{&events.BottleRenamed{From: from, To: to}}
		}
	case "label":
		return []events.Payload{&events.BottleLabelled{Set: w.labels(), Unset: []string{w.one("unset", "team", "k", "ünï")}}}
	}
	return []events.Payload{&events.BottleProtected{On: w.chance("on", 2)}}
}

func (w *world) resource(l *life) []events.Payload {
	if len(l.resources) > 0 && w.chance("release", 2) {
		return w.release(l)
	}
	r := projections.Resource{Kind: w.one("kind", "network", "volume", "clone"), Ref: w.one("ref", "a", "b", "/c d")}
	for _, have := range l.resources {
		if have == r {
			return []events.Payload{&events.ResourceCreated{Kind: r.Kind, Ref: r.Ref}} // tried again
		}
	}
	l.resources = append(l.resources, r)
	return []events.Payload{&events.ResourceCreated{Kind: r.Kind, Ref: r.Ref}}
}

func (w *world) release(l *life) []events.Payload {
	i := rapid.IntRange(0, len(l.resources)-1).Draw(w.t, "which")
	r := l.resources[i]
	l.resources = append(l.resources[:i:i], l.resources[i+1:]...)
	return []events.Payload{&events.ResourceReleased{Kind: r.Kind, Ref: r.Ref}}
}

func (w *world) audit() []events.Payload {
	return rapid.SampledFrom([][]events.Payload{
		{&events.SessionAttached{ReadOnly: true}},
		{&events.ExecStarted{Argc: 2, User: "root", ExecPrivate: events.ExecPrivate{Argv0: "ls"}}, &events.ExecEnded{Started: 1, ExitCode: new(int)}},
		{&events.FileCopied{Direction: "in", Bytes: 7, CopyPrivate: events.CopyPrivate{Path: "/x"}}},
		{&events.InputSent{Bytes: 3}},
	}).Draw(w.t, "audit")
}

// request draws a claim that the state allows.
func (w *world) request(l *life) []events.Payload {
	r := &events.ActionRequested{Generation: l.generation}
	switch {
	case w.chance("remove", 5):
		r.Action, r.Force = events.ActionRemove, l.state == projections.Running
	case l.state == projections.Running:
		r.Action, r.GraceMS = events.ActionStop, 10_000
	default:
		l.fresh = !l.made || l.state == projections.Lost || w.chance("new instance", 4)
		r.Action, r.NewInstance = events.ActionResume, l.fresh
		if l.fresh {
			r.Generation, r.Nonce = l.generation+1, "n"
		}
	}
	l.pending = r.Action
	return []events.Payload{r}
}

// outcome draws what closes the open claim, or a step towards it. Who appends
// it, the claim's owner or a recovery after a crash, makes no difference.
func (w *world) outcome(l *life) []events.Payload {
	done := func(s projections.State, ps ...events.Payload) []events.Payload {
		l.state, l.pending = s, ""
		return ps
	}
	failed := &events.ActionFailed{Action: l.pending, Code: "backend_unavailable", Reason: "no \x1b[31m answer"}
	stopped := &events.BottleStopped{Generation: l.generation, Reason: w.one("why", events.ReasonUser, events.ReasonRecovery, events.ReasonTimeout), ExitCode: w.code()}
	switch l.pending {
	case events.ActionStop:
		if w.chance("fails", 4) {
			return done(l.state, failed)
		}
		return done(projections.Stopped, stopped)
	case events.ActionRemove:
		if w.chance("fails", 4) {
			return done(l.state, failed)
		}
		return done(projections.Removed, &events.BottleRemoved{LeftBehind: rapid.SampledFrom([][]string{nil, {"network x"}}).Draw(w.t, "left")})
	}
	switch {
	case w.chance("fails", 4):
		failed.LeftBehind = []string{"container y"}
		return done(projections.Failed, failed)
	case l.fresh:
		l.fresh, l.made = false, true
		l.generation++
		return []events.Payload{&events.InstanceCreated{Generation: l.generation, InstanceName: l.instance, InstanceID: fmt.Sprintf("id%d", l.generation), Nonce: "n", Session: "engine"}}
	case w.chance("crashed", 4):
		stopped.Reason = events.ReasonRecovery
		return done(projections.Stopped, stopped)
	}
	return done(projections.Running, &events.BottleStarted{Generation: l.generation, Action: l.pending})
}

// observe draws what an engine may say of an instance nobody acts on.
func (w *world) observe(l *life) []events.Payload {
	see := func(status string, s projections.State) []events.Payload {
		p := &events.BottleObserved{Status: status, Expected: string(l.state)}
		l.state = s
		return []events.Payload{p}
	}
	switch w.one("seen", "missing", "paused", "there", "ended") {
	case "missing":
		return see(w.one("missing", "gone", "replaced"), projections.Lost)
	case "paused":
		return see(w.one("paused", "paused", "unresponsive"), projections.Running)
	case "there":
		if l.state == projections.Lost {
			s := w.one("back", "created", "running", "stopped")
			return see(s, projections.State(s))
		}
		if l.state == projections.Running {
			return see("running", l.state)
		}
		l.state = projections.Running
		return []events.Payload{&events.BottleStarted{Generation: l.generation, Action: "observed"}}
	}
	if l.state != projections.Running {
		return w.audit()
	}
	l.state = projections.Stopped
	code := w.code()
	return []events.Payload{
		&events.AgentExited{Source: "engine", ExitCode: code, ExitedAt: time.UnixMilli(1_700_000_000_000).UTC()},
		&events.BottleStopped{Generation: l.generation, Reason: w.one("why", events.ReasonAgentExited, events.ReasonCrashed, events.ReasonEngine), ExitCode: code},
	}
}

func (w *world) freeSlug() string {
	var free []string
	for _, s := range slugPool {
		taken := false
		for _, l := range w.lives {
			taken = taken || l.slug == s && l.state != projections.Removed
		}
		if !taken {
			free = append(free, s)
		}
	}
	if len(free) == 0 {
		return ""
	}
	return rapid.SampledFrom(free).Draw(w.t, "slug")
}

// freeInstance names an instance: a renamed bottle goes on holding the name
// of its first slug.
func (w *world) freeInstance(slug string) string {
	name := "bot-bottle-" + slug
	for _, l := range w.lives {
		if l.instance == name && l.state != projections.Removed {
			return w.freeInstance(slug + "-x")
		}
	}
	return name
}

func (w *world) labels() map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"team", "k", "ünï", `q"<`}), rapid.SampledFrom([]string{"", "a", `b'"\`, "=%"}), 0, 3).Draw(w.t, "labels")
}

func (w *world) code() *int {
	return rapid.Ptr(rapid.SampledFrom([]int{0, 1, 137}), true).Draw(w.t, "code")
}

func (w *world) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.t, label)
}

// chance is true once in n times.
func (w *world) chance(label string, n int) bool {
	return rapid.IntRange(1, n).Draw(w.t, label) == n
}
