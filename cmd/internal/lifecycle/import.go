package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// sourceImport is the Source of an imported bottle.
const sourceImport = "import"

// importLock keeps imports apart, beside the claims: no two bottles come of
// one record.
const importLock = "import"

// ImportRequest is what `import` was asked for.
type ImportRequest struct {
	Root     string // upstream's root, absolute
	Fallback string // the kind of a record that names none
}

// importing is what one import has learned.
type importing struct {
	ImportRequest
	known  map[string]projections.Bottle // imported before, by identity; removed ones too
	held   map[string]string             // slug by instance id, of bottles not removed
	slugs  map[string]bool               // in use, or planned
	places map[string]*importPlace       // by kind
}

// importPlace is the engine of one kind, opened once. An engine that does not
// answer is asked once: every question may take as long as the limit allows.
type importPlace struct {
	endpoint string
	be       backends.Backend // nil: a kind that this program lacks
	engine   backends.Engine
	err      error
}

// PlanImport says what Import would do: it records nothing and changes
// nothing. view shows the records as they are now; where there are none it
// does not call back.
func (m *Manager) PlanImport(ctx context.Context, r ImportRequest, view func(func(*events.View) error) error) ([]PlanItem, error) {
	return m.importAll(ctx, r, view, nil)
}

// Import takes every record of upstream's into the log that is not there yet,
// each in one append. Records that cannot be read, and those whose engine does
// not answer, are named and left for another time.
func (m *Manager) Import(ctx context.Context, r ImportRequest) ([]PlanItem, error) {
	dir := filepath.Join(m.Home, claimsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of claims: %w", err)
	}
	l, err := tryLock(filepath.Join(dir, importLock))
	if err != nil {
		return nil, fmt.Errorf("lock the import: %w", err)
	}
	if l == nil {
		return nil, &Problem{Code: CodeBusy, Message: "another import is under way in this home", Next: "bot-bottle import"}
	}
	defer l.Close()
	view := func(f func(*events.View) error) error { return m.Log.View(ctx, f) }
	return m.importAll(ctx, r, view, m.takeRecord)
}

// importAll plans every record, and hands what is to be imported to take.
func (m *Manager) importAll(ctx context.Context, r ImportRequest, view func(func(*events.View) error) error, take func(context.Context, *importing, *record, *PlanItem) error) ([]PlanItem, error) {
	all, err := readUpstream(r.Root)
	if err != nil {
		return nil, err
	}
	in := &importing{ImportRequest: r, known: map[string]projections.Bottle{}, held: map[string]string{}, slugs: map[string]bool{},
		places: map[string]*importPlace{}}
	if err := view(func(v *events.View) error { return in.look(ctx, v) }); err != nil {
		return nil, err
	}
	defer in.close()
	var plan []PlanItem
	for _, l := range all {
		if err := ctx.Err(); err != nil {
			return plan, err
		}
		item := PlanItem{Action: "skip", Bottle: l.name}
		switch {
		case l.err != nil:
			item.Detail, item.Err = "not imported: "+oneLine(l.err.Error()), unreadable(r, l)
		case l.rec == nil:
			item.Detail = "there is no " + upstreamRecord
		default:
			m.planRecord(ctx, in, l.rec, &item)
		}
		if item.Action == "import" && take != nil {
			if item.Err = take(ctx, in, l.rec, &item); item.Err != nil {
				item.Detail = "not imported: " + oneLine(item.Err.Error())
			}
			item.Done = item.Err == nil
		}
		plan = append(plan, item)
	}
	return plan, nil
}

func unreadable(r ImportRequest, l legacy) error {
	return &Problem{Code: CodeUsage, Err: l.err, Message: "record " + filepath.Join(r.Root, upstreamState, l.name)}
}

// look reads what the log has.
func (in *importing) look(ctx context.Context, v *events.View) error {
	rows, err := projections.List(ctx, v, projections.Query{All: true})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.State != projections.Removed {
			in.slugs[row.Slug], in.held[row.InstanceID] = true, row.Slug
		}
		if row.BackendSource != events.ImportedBackend && row.BackendSource != events.FallbackBackend {
			continue
		}
		b, err := projections.LoadView(ctx, v, row.ID)
		if err != nil {
			return err
		}
		if b.Imported != nil {
			in.known[b.Imported.Identity] = b
		}
	}
	delete(in.held, "")
	return nil
}

// planRecord decides what to do about one record.
func (m *Manager) planRecord(ctx context.Context, in *importing, r *record, item *PlanItem) {
	if b, ok := in.known[r.Identity]; ok {
		item.Bottle, item.Backend, item.Done = b.Slug, b.Backend, true
		item.Detail = fmt.Sprintf("imported before as bottle %s, which is %s", b.Slug, b.State)
		return
	}
	item.Backend = orElse(r.Backend, in.Fallback)
	p := m.importPlace(ctx, in, item.Backend)
	found, why, err := m.lookIn(ctx, p, item.Backend, r)
	if err != nil {
		item.Detail = "not imported: its engine does not answer, so its instance cannot be looked for"
		item.Err = err
		return
	}
	base := orElse(madeSlug(r.Identity), "imported")
	for n := 1; ; n++ {
		if item.Bottle = numbered(base, n); !in.slugs[item.Bottle] {
			break
		}
	}
	in.slugs[item.Bottle] = true
	item.Action, item.place, item.instance = "import", place{item.Backend, p.endpoint}, found
	if found != nil && in.held[found.ID] != "" {
		why = fmt.Sprintf("instance %s is bottle %s already", found.Name, in.held[found.ID])
		item.instance = nil
	}
	item.Detail = describeImport(r, item.instance, why)
	if item.instance != nil {
		in.held[found.ID] = item.Bottle
	}
	item.why = why
}

// describeImport is what a person reads of one record's import.
func describeImport(r *record, found *backends.Observation, why string) string {
	s := "identity " + r.Identity
	if r.Backend == "" {
		s += ", no backend in the record"
	}
	if found == nil {
		return fmt.Sprintf("%s: lost, since %s; to let go of it: bot-bottle rm", s, why)
	}
	return fmt.Sprintf("%s: instance %s (%.12s), %s", s, found.Name, found.ID, found.Status)
}

// lookIn looks for a record's instance in its engine.
func (m *Manager) lookIn(ctx context.Context, p *importPlace, kind string, r *record) (*backends.Observation, string, error) {
	if p.err != nil {
		return nil, "", p.err
	}
	if p.be == nil {
		return nil, fmt.Sprintf("this bot-bottle has no backend %q to look for it", kind), nil
	}
	q, cancel := m.bounded(ctx)
	defer cancel()
	found, why, err := m.findUpstream(q, p.be, r)
	if err != nil {
		err = m.unanswered(ctx, q, place{kind, p.endpoint}, err)
		var down *backends.Unavailable
		if errors.As(err, &down) {
			p.err = err
		}
	}
	return found, why, err
}

// importPlace opens today's engine of a kind. A kind that this program lacks
// has none: its records are taken as they are.
func (m *Manager) importPlace(ctx context.Context, in *importing, kind string) *importPlace {
	if p := in.places[kind]; p != nil {
		return p
	}
	p := &importPlace{}
	in.places[kind] = p
	k, err := m.Backends.Kind(kind)
	if err != nil {
		return p
	}
	if p.endpoint, p.err = k.Resolve("", m.getenv); p.err != nil {
		return p
	}
	if p.be, p.err = k.Open(p.endpoint); p.err != nil {
		return p
	}
	q, cancel := m.bounded(ctx)
	defer cancel()
	p.engine, err = p.be.Probe(q)
	p.err = m.unanswered(ctx, q, place{kind, p.endpoint}, err)
	return p
}

func (in *importing) close() {
	for _, p := range in.places {
		if p.be != nil {
			_ = p.be.Close()
		}
	}
}
