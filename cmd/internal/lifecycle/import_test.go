package lifecycle_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// upstream is a root of upstream's records.
type upstream string

func newUpstream(t testing.TB) upstream {
	root := upstream(t.TempDir())
	must(t, os.Mkdir(filepath.Join(string(root), "state"), 0o755))
	return root
}

func (u upstream) file(t testing.TB, identity, text string) {
	t.Helper()
	dir := filepath.Join(string(u), "state", identity)
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "metadata.json"), []byte(text), 0o644))
}

func (u upstream) request() lifecycle.ImportRequest {
	return lifecycle.ImportRequest{Root: string(u), Fallback: "fake"}
}

// doImport imports and returns the lines of the plan by the word in bottle.
func (w *world) doImport(u upstream) map[string]lifecycle.PlanItem {
	w.t.Helper()
	plan, err := w.Import(context.Background(), u.request())
	must(w.t, err)
	return byBottle(plan)
}

func byBottle(plan []lifecycle.PlanItem) map[string]lifecycle.PlanItem {
	out := map[string]lifecycle.PlanItem{}
	for _, p := range plan {
		out[p.Bottle] = p
	}
	return out
}

func (w *world) named(slug string) projections.Bottle {
	w.t.Helper()
	for _, b := range w.all() {
		if b.Slug == slug && b.State != projections.Removed {
			return b
		}
	}
	w.t.Fatalf("no bottle %s", slug)
	return projections.Bottle{}
}

// A record becomes a bottle that says all that the record does, and names the
// very instance that was found.
func TestImport(t *testing.T) {
	w, u := newWorld(t), newUpstream(t)
	u.file(t, "Claude_Repo-ab12", `{"identity":"Claude_Repo-ab12","agent_name":"implementer","cwd":"/home/u/repo","copy_cwd":true,
		"started_at":"2026-05-01T10:00:00+02:00","compose_project":"bot-bottle-ab12","backend":"fake","label":"fix <b>","color":"red",
		"bottle_names":["a","b"],"resume_id":{"x":[1.50,null]},"note":"two\nlines"}`)
	id, err := w.behind().Make("agent-ab12", map[string]string{backends.LabelProject: "bot-bottle-ab12"})
	must(t, err)
	view := func(f func(*events.View) error) error { return w.Log.View(context.Background(), f) }
	head := w.head()
	plan, err := w.PlanImport(t.Context(), u.request(), view)
	must(t, err)
	if p := plan[0]; len(plan) != 1 || p.Action != "import" || p.Bottle != "claude-repo-ab12" || p.Backend != "fake" || p.Done || w.head() != head {
		t.Errorf("the plan is %+v", plan)
	}
	if p := w.doImport(u)["claude-repo-ab12"]; p.Action != "import" || !p.Done || p.Err != nil {
		t.Fatalf("it said %+v", p)
	}
	b := w.named("claude-repo-ab12")
	i := b.Imported
	if b.Source != "import" || b.BackendSource != "import" || b.Agent != "implementer" || b.State != projections.Stopped || b.Reason != events.ReasonImported {
		t.Errorf("the bottle is %+v", b)
	}
	if b.InstanceName != "agent-ab12" || b.Instance.InstanceID != id || b.Instance.Generation != 1 || b.Endpoint != fake.Endpoint(w.engine) || b.Instance.EngineID == "" || b.Instance.Session != lifecycle.SessionEngine {
		t.Errorf("its instance is %+v", b.Instance)
	}
	if i.Identity != "Claude_Repo-ab12" || !i.CopyCwd || i.ComposeProject != "bot-bottle-ab12" || i.Label != "fix <b>" || i.Color != "red" ||
		i.StartedAt != "2026-05-01T10:00:00+02:00" || !slices.Equal(i.BottleNames, []string{"a", "b"}) || b.Private.Cwd != "/home/u/repo" {
		t.Errorf("of the record it has %+v, %q", i, b.Private.Cwd)
	}
	unknown, _ := json.Marshal(b.Private.ImportedUnknown)
	if string(unknown) != `{"note":"two\nlines","resume_id":{"x":[1.50,null]}}` {
		t.Errorf("unknown fields became %s", unknown)
	}
	if len(b.Private.Argv) > 0 {
		t.Errorf("it has words: %q", b.Private.Argv)
	}

	// each is imported once, also after it was renamed and after it was removed
	w.rename(b.ID, "other")
	if p := w.doImport(u)["other"]; p.Action != "skip" || !p.Done || p.Err != nil {
		t.Errorf("a second import said %+v", p)
	}
	must(t, w.consistent())
	must(t, w.Remove(t.Context(), b.ID, lifecycle.RemoveRequest{Confirm: never}))
	if got, _ := w.behind().ID("agent-ab12"); got != "" {
		t.Error("rm left the instance")
	}
	if p := w.doImport(u)["other"]; p.Action != "skip" || len(w.all()) != 1 {
		t.Errorf("after rm it said %+v, %d bottles", p, len(w.all()))
	}
}

func (w *world) rename(id, to string) {
	w.t.Helper()
	if _, err := w.Rename(context.Background(), id, to); err != nil {
		w.t.Fatal(err)
	}
}

// Which instance is a record's: never a guess.
func TestImportFindsTheInstance(t *testing.T) {
	const project = `{"compose_project":"proj"}`
	in := func(name string) map[string]string { return map[string]string{backends.LabelProject: name} }
	type made struct {
		name   string
		labels map[string]string
	}
	tests := map[string]struct {
		record string
		made   []made
		want   string // name of the instance; "" is lost
		why    string
	}{
		"by its identity":                {`{}`, []made{{"it", nil}}, "it", ""},
		"by its name with our prefix":    {`{}`, []made{{"bot-bottle-it", nil}, {"item", nil}}, "bot-bottle-it", ""},
		"by its project's name":          {project, []made{{"proj", nil}}, "proj", ""},
		"by the label of its project":    {project, []made{{"some-agent-1", in("proj")}, {"else", in("other")}}, "some-agent-1", ""},
		"the project before the name":    {project, []made{{"some-agent-1", in("proj")}, {"it", nil}}, "some-agent-1", ""},
		"the name within the project":    {project, []made{{"proxy", in("proj")}, {"bot-bottle-it", in("proj")}}, "bot-bottle-it", ""},
		"none of several of the project": {project, []made{{"one", in("proj")}, {"two", in("proj")}}, "", "several instances may be it, and none is taken for it: one, two"},
		"none of several by name":        {`{}`, []made{{"it", nil}, {"bot-bottle-it", nil}}, "", "several"},
		"nothing there":                  {project, []made{{"its", nil}}, "", "no instance is named proj or it or bot-bottle-it, or of the compose project proj"},
		"what has our labels is not it":  {`{}`, []made{{"it", map[string]string{backends.LabelHome: "h", backends.LabelBottle: "b"}}}, "", "no instance"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, u := newWorld(t), newUpstream(t)
			u.file(t, "it", tt.record)
			for _, m := range tt.made {
				_, err := w.behind().Make(m.name, m.labels)
				must(t, err)
			}
			item := w.doImport(u)["it"]
			b := w.named("it")
			if b.BackendSource != "fallback" || b.Backend != "fake" || !b.Assumed() {
				t.Errorf("the backend is %s by %s", b.Backend, b.BackendSource)
			}
			if tt.want == "" {
				if b.State != projections.Lost || b.Instance != nil || !strings.Contains(item.Detail, tt.why) || !strings.Contains(item.Detail, "bot-bottle rm") {
					t.Errorf("it is %s, %+v: %s", b.State, b.Instance, item.Detail)
				}
				if b.Comeback(true).Next != "bot-bottle rm it" {
					t.Errorf("the way out is %q", b.Comeback(true).Next)
				}
				var no *projections.Refusal
				for _, anew := range []bool{false, true} {
					if _, err := w.Resume(t.Context(), b.ID, lifecycle.ResumeRequest{NewInstance: anew}); !errors.As(err, &no) || no.Next != "bot-bottle rm it" {
						t.Errorf("resume, anew %v: %v", anew, err)
					}
				}
				must(t, w.Remove(t.Context(), b.ID, lifecycle.RemoveRequest{Confirm: never}))
				return
			}
			id, err := w.behind().ID(tt.want)
			must(t, err)
			if b.Instance == nil || b.Instance.InstanceID != id || b.InstanceName != tt.want {
				t.Errorf("it has %+v, not %s", b.Instance, tt.want)
			}
		})
	}
}

// An instance that is a bottle already is not a second one's too.
func TestImportTakesAnInstanceOnce(t *testing.T) {
	w, u := newWorld(t), newUpstream(t)
	u.file(t, "a", `{"compose_project":"p"}`)
	u.file(t, "b", `{"compose_project":"p"}`)
	_, err := w.behind().Make("x", map[string]string{backends.LabelProject: "p"})
	must(t, err)
	plan := w.doImport(u)
	if w.named("a").Instance == nil || w.named("b").State != projections.Lost || !strings.Contains(plan["b"].Detail, "instance x is bottle a already") {
		t.Errorf("a has %+v, b is %s: %s", w.named("a").Instance, w.named("b").State, plan["b"].Detail)
	}
}

// What upstream left running goes on, and its agent is never taken for the
// main process.
func TestImportedBottleLives(t *testing.T) {
	w, u := newWorld(t), newUpstream(t)
	u.file(t, "it", `{"compose_project":"p"}`)
	_, err := w.behind().Make("it", nil)
	must(t, err)
	must(t, w.behind().Start("it"))
	w.doImport(u)
	b := w.named("it")
	if b.State != projections.Running {
		t.Fatalf("it is %s", b.State)
	}
	ctx := context.Background()
	var no *lifecycle.Problem
	if _, err := w.Attach(ctx, b.ID, lifecycle.Foreground{}); !errors.As(err, &no) || no.Code != lifecycle.CodeWrongState || no.Next != "bot-bottle exec -i -t it -- ARGV…" {
		t.Errorf("attach: %v", err)
	}
	out, err := w.Exec(ctx, b.ID, lifecycle.ExecRequest{Argv: []string{"true"}})
	must(t, err)
	if out != 0 {
		t.Errorf("exec ended with %d", out)
	}
	must(t, w.Stop(ctx, b.ID, lifecycle.StopRequest{}))
	w.warned = nil
	done, err := w.Resume(ctx, b.ID, lifecycle.ResumeRequest{Foreground: &lifecycle.Foreground{}})
	must(t, err)
	said := strings.Join(w.warned, "\n")
	if done.Attached || done.Bottle.State != projections.Running || done.Bottle.Generation != 1 ||
		!strings.Contains(said, "named no backend: fake is assumed") || !strings.Contains(said, "its instance is started, and the agent is not; to start that: bot-bottle exec -i -t it -- ARGV…") {
		t.Errorf("resume: %+v\n%s", done, said)
	}
	must(t, w.consistent())

	// a new instance is made of words, which the record has not
	must(t, w.Stop(ctx, b.ID, lifecycle.StopRequest{}))
	if _, err := w.Resume(ctx, b.ID, lifecycle.ResumeRequest{NewInstance: true}); !errors.As(err, &no) || no.Next != "bot-bottle resume --new-instance it -- ARGV…" {
		t.Errorf("a new instance: %v", err)
	}
	_, err = w.Resume(ctx, b.ID, lifecycle.ResumeRequest{NewInstance: true, Argv: sleeper})
	must(t, err)
	if b = w.named("it"); b.AgentByExec() || b.Generation != 2 {
		t.Errorf("after that it is %+v", b.Instance)
	}
	must(t, w.consistent())
}

// Broken records are named and left alone, and hold nobody else up.
func TestImportNamesWhatIsBroken(t *testing.T) {
	w, u := newWorld(t), newUpstream(t)
	state := filepath.Join(string(u), "state")
	elsewhere := t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "metadata.json"), []byte(`{"cwd":"/secret-place"}`), 0o600))
	broken := map[string]string{}
	text := func(identity, record, why string) {
		u.file(t, identity, record)
		broken[identity] = why
	}
	text("garbage", "this is not it: secret-token", "it is no JSON object")
	text("cut", `{"identity":"cut"`, "it is no JSON object")
	text("list", `[]`, "it is no JSON object")
	text("null", `null`, "it is no JSON object")
	text("twice", `{}{}`, "it is no JSON object")
	text("number", `{"agent_name":7}`, "its agent_name is no text")
	text("truth", `{"copy_cwd":"yes"}`, "its copy_cwd is no true or false")
	text("names", `{"bottle_names":"a"}`, "its bottle_names is no list of texts")
	text("deep", strings.Repeat(`{"a":`, 20000)+"1"+strings.Repeat("}", 20000), "it is no JSON object")
	text("escape", `{"label":"\u001b]0;x\u0007"}`, "its label has control characters")
	text("escapes", `{"bottle_names":["\u009b31m"]}`, "a name of its bottle_names has control characters")
	text("turned", `{"agent_name":"\u202egnp.exe"}`, "its agent_name has control characters")
	text("bytes", "{\"label\":\"\xff\"}", "not UTF-8")
	text("liar", `{"identity":"garbage"}`, `its identity is "garbage", and its folder's another`)
	text("long", `{"cwd":"`+strings.Repeat("x", 5000)+`"}`, "its cwd is longer than 4096 bytes")
	text("huge", `{"x":"`+strings.Repeat("x", 300<<10)+`"}`, "it is longer than 256 KiB")
	text("a\x1b[31mb", `{}`, "the name of its folder has control characters")
	link := func(name, to, at string) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(state, at)), 0o755))
		must(t, os.Symlink(to, filepath.Join(state, at)))
		broken[name] = "links are not followed"
	}
	link("linked", elsewhere, "linked")
	link("link-in", filepath.Join(elsewhere, "metadata.json"), "link-in/metadata.json")
	link("link-near", "../garbage/metadata.json", "link-near/metadata.json")
	must(t, os.Mkdir(filepath.Join(state, "pipe"), 0o755))
	must(t, syscall.Mkfifo(filepath.Join(state, "pipe", "metadata.json"), 0o644))
	broken["pipe"] = "it is no file"
	must(t, os.MkdirAll(filepath.Join(state, "folder", "metadata.json"), 0o755))
	broken["folder"] = "it is no file"
	must(t, os.Mkdir(filepath.Join(state, "empty"), 0o755))
	must(t, os.WriteFile(filepath.Join(state, "lock"), nil, 0o644))
	u.file(t, "good", `{"backend":""}`)

	plan, err := w.Import(t.Context(), u.request())
	must(t, err)
	items := byBottle(plan)
	for name, why := range broken {
		if p := items[name]; p.Action != "skip" || p.Done || p.Err == nil || !strings.Contains(p.Detail, why) || strings.Contains(p.Detail, "secret") {
			t.Errorf("%q: want %q, got %+v", name, why, p)
		}
	}
	if p := items["empty"]; p.Action != "skip" || p.Err != nil || p.Detail != "there is no metadata.json" {
		t.Errorf("empty: %+v", p)
	}
	if p := items["good"]; p.Action != "import" || !p.Done {
		t.Errorf("good: %+v", p)
	}
	if _, told := items["lock"]; told || len(plan) != len(broken)+2 || len(w.all()) != 1 {
		t.Errorf("%d lines, %d bottles", len(plan), len(w.all()))
	}
}

func TestImportRefusesARootWithoutRecords(t *testing.T) {
	w := newWorld(t)
	linked := t.TempDir()
	must(t, os.Symlink(string(newUpstream(t))+"/state", filepath.Join(linked, "state")))
	for _, root := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none"), linked} {
		var no *lifecycle.Problem
		if _, err := w.Import(t.Context(), upstream(root).request()); !errors.As(err, &no) || no.Code != lifecycle.CodeUsage {
			t.Errorf("%s: %v", root, err)
		}
	}
}

// An engine that does not answer is no answer: its records wait, and those of
// others do not. It is asked once.
func TestImportWaitsForTheEngine(t *testing.T) {
	w, u := newWorld(t), newUpstream(t)
	for i := range 4 {
		u.file(t, fmt.Sprintf("it-%d", i), `{"backend":"fake"}`)
	}
	u.file(t, "vm", `{"backend":"some-vm"}`)
	_, err := w.behind().Make("it-0", nil)
	must(t, err)
	w.faults(fake.Faults{Unreachable: "it is down"})
	items := w.doImport(u)
	for i := range 4 {
		var down *backends.Unavailable
		if p := items[fmt.Sprintf("it-%d", i)]; p.Action != "skip" || p.Done || !errors.As(p.Err, &down) {
			t.Errorf("%+v", p)
		}
	}
	// a kind that this program lacks is taken as it is
	if b := w.named("vm"); b.Backend != "some-vm" || b.BackendSource != "import" || b.Endpoint != "" || b.State != projections.Lost {
		t.Errorf("%s %s %q %s", b.Backend, b.BackendSource, b.Endpoint, b.State)
	}
	if len(w.all()) != 1 {
		t.Errorf("%d bottles", len(w.all()))
	}
	must(t, w.Remove(t.Context(), w.named("vm").ID, lifecycle.RemoveRequest{Confirm: never}))
	w.faults(fake.Faults{})
	w.doImport(u)
	if b := w.named("it-0"); b.State != projections.Stopped || len(w.all()) != 5 {
		t.Errorf("it is %s, %d bottles", b.State, len(w.all()))
	}
}

// An import that dies at any step leaves what the next one finishes, and no
// bottle twice.
func TestImportSurvivesItsEnd(t *testing.T) {
	u := newUpstream(t)
	for i := range 3 {
		u.file(t, fmt.Sprintf("it-%d", i), `{}`)
	}
	for n := int64(1); ; n++ {
		w := newWorld(t)
		_, err := w.behind().Make("it-1", nil)
		must(t, err)
		w.crashAt.Store(n)
		at := w.dies(func() { w.doImport(u) })
		w.crashAt.Store(0)
		again := openWorld(t, w.Home, w.engine)
		again.doImport(u)
		all := again.all()
		if len(all) != 3 || again.named("it-1").Instance == nil || again.named("it-2").State != projections.Lost {
			t.Errorf("after its end at %q there are %d bottles", at, len(all))
		}
		must(t, again.consistent())
		if at == "" {
			break
		}
	}
}

// Of two imports at once one is told to try again, or finds all done.
func TestImportsAtOnce(t *testing.T) {
	w, u := newWorld(t), newUpstream(t)
	for i := range 20 {
		u.file(t, fmt.Sprintf("it-%d", i), `{}`)
	}
	worlds := []*world{w, openWorld(t, w.Home, w.engine), openWorld(t, w.Home, w.engine)}
	var wg sync.WaitGroup
	for _, o := range worlds {
		wg.Go(func() {
			_, err := o.Import(context.Background(), u.request())
			var busy *lifecycle.Problem
			if err != nil && (!errors.As(err, &busy) || busy.Code != lifecycle.CodeBusy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(w.all()); n != 20 {
		t.Errorf("%d bottles of 20 records", n)
	}
}

// recordLeft is a record of upstream's with an instance, for the acts.
func recordLeft(w *world) string {
	dir := filepath.Join(w.env["HOME"], "upstream", "state", "it")
	must(w.t, os.MkdirAll(dir, 0o755))
	must(w.t, os.WriteFile(filepath.Join(dir, "metadata.json"), []byte(`{"compose_project":"p"}`), 0o644))
	_, err := w.behind().Make("agent", map[string]string{backends.LabelProject: "p"})
	must(w.t, err)
	return ""
}

func takeRecords(w *world, _ string) error {
	plan, err := w.Import(ctx, upstream(filepath.Join(w.env["HOME"], "upstream")).request())
	for _, p := range plan {
		err = errors.Join(err, p.Err)
	}
	return err
}
