package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// listCmd is `list`. It reads the log and asks nobody, unless --check,
// --activity or --size says so.
type listCmd struct {
	All      bool     `short:"a" help:"Removed bottles too."`
	State    []string `placeholder:"STATE" help:"Only bottles in this state."`
	Backend  []string `placeholder:"NAME" help:"Only bottles of this backend."`
	Label    []string `sep:"none" placeholder:"K=V" help:"Only bottles with this label (K alone: with any value)."`
	Check    bool     `help:"Ask the engines what they see; exit 6 when that differs, 8 when one did not answer."`
	Activity bool     `help:"Ask the agents what they do: last output, bell, title, what they want."`
	Size     bool     `help:"Ask the engines how much disk each bottle takes."`
}

func (l *listCmd) check() error {
	states := make([]string, len(projections.States))
	for i, s := range projections.States {
		states[i] = string(s)
	}
	for _, s := range l.State {
		if err := oneOf("--state", s, states); err != nil {
			return err
		}
	}
	_, _, err := labelFilter(l.Label)
	return err
}

func (l *listCmd) run(ctx context.Context, c *call) error {
	for _, b := range l.Backend {
		if err := oneOf("--backend", b, c.env.Backends.Names()); err != nil {
			return err
		}
	}
	set, has, err := labelFilter(l.Label)
	if err != nil {
		return err
	}
	var rows []bottleRow
	var seq int64
	err = c.look(ctx, func(v *glance) error {
		found, err := v.list(ctx, projections.Query{All: l.All, States: l.State, Backends: l.Backend, Labels: set, HasLabels: has, Columns: l.shown(c)})
		if err != nil {
			return err
		}
		rows = make([]bottleRow, len(found))
		for i := range found {
			rows[i].Row = &found[i]
		}
		if c.Output == asJSON {
			seq, err = v.Head(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	var verdict error
	if l.asks() && len(rows) > 0 {
		if verdict, err = l.ask(ctx, c, rows); err != nil {
			return err
		}
	}
	if err := l.print(c, rows, seq); err != nil {
		return err
	}
	return verdict
}

// asks says whether anybody besides the log is asked.
func (l *listCmd) asks() bool { return l.Check || l.Size || l.Activity }

// shown are the columns of the projection that a plain table shows; nil, which
// is all of them, for every other way to print.
func (l *listCmd) shown(c *call) []string {
	if c.Output != asTable || len(c.Columns) > 0 || l.asks() {
		return nil
	}
	return []string{"slug", "state", "pending", "reason", "failure", "exit_code", "observed", "agent", "backend", "image", "created_at", "updated_at"}
}

// ask fills in what the engines say, and what --check makes of it.
func (l *listCmd) ask(ctx context.Context, c *call, rows []bottleRow) (verdict, err error) {
	m, err := c.manager(ctx, nil)
	if err != nil {
		return nil, err
	}
	bottles := make([]projections.Bottle, len(rows))
	err = m.Log.View(ctx, func(v *events.View) error {
		for i, r := range rows {
			if bottles[i], err = projections.LoadView(ctx, v, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if l.Size {
		sizes, failed := m.Sizes(ctx, bottles)
		for i, r := range rows {
			if n, ok := sizes[r.ID]; ok {
				rows[i].size = &n
			}
		}
		for _, err := range failed {
			c.progress.warn("", err.Error())
		}
	}
	if l.Activity {
		does := m.Activity(ctx, bottles)
		for i, r := range rows {
			a := does[r.ID]
			if a.Err != nil {
				c.progress.warn(r.Slug, a.Err.Error())
				continue
			}
			rows[i].does = &a
		}
	}
	if !l.Check {
		return nil, nil
	}
	drift, silent := 0, 0
	found := m.Check(ctx, bottles)
	for i := range rows {
		d := found[rows[i].ID]
		rows[i].drift = &d
		switch {
		case d.Err != nil:
			silent++
			c.progress.warn(rows[i].Slug, d.Err.Error())
		case d.Kind != "":
			drift++
		}
	}
	switch {
	case silent > 0:
		return &problem{Code: codePartlyDone, Message: fmt.Sprintf("list: the engines of %d bottles did not answer", silent), Next: "bot-bottle doctor"}, nil
	case drift > 0:
		return &problem{Code: codeDrift, Message: fmt.Sprintf("list: %d bottles are not as the log has them", drift), Next: "bot-bottle recover"}, nil
	}
	return nil, nil
}

func (l *listCmd) print(c *call, rows []bottleRow, seq int64) error {
	now := c.env.Now()
	columns := []column[*bottleRow]{
		{name: "name", value: func(b *bottleRow) string { return b.Slug }},
		{name: "state", value: (*bottleRow).stateText},
		{name: "agent", value: func(b *bottleRow) string { return b.Agent }},
		{name: "backend", value: func(b *bottleRow) string { return b.Backend }},
		{name: "image", value: func(b *bottleRow) string { return b.Image }},
		{name: "created", value: func(b *bottleRow) string { return age(b.CreatedAt, now) }},
		{name: "updated", value: func(b *bottleRow) string { return age(b.UpdatedAt, now) }},
		{name: "observed", wide: !l.Check, value: (*bottleRow).observedText},
		{name: "drift", wide: !l.Check, value: (*bottleRow).driftText},
		{name: "activity", wide: !l.Activity, value: func(b *bottleRow) string { return b.activityText(now) }},
		{name: "size", wide: !l.Size, value: (*bottleRow).sizeText},
		{name: "protected", wide: true, value: func(b *bottleRow) string { return yesNo(b.Protected) }},
		{name: "labels", wide: true, value: (*bottleRow).labelsText},
		{name: "generation", wide: true, value: func(b *bottleRow) string { return strconv.Itoa(b.Generation) }},
		{name: "instance", wide: true, value: func(b *bottleRow) string { return b.InstanceName }},
		{name: "endpoint", wide: true, value: func(b *bottleRow) string { return b.Endpoint }},
		{name: "id", wide: true, value: func(b *bottleRow) string { return b.ID }},
	}
	items := make([]*bottleRow, len(rows))
	for i := range rows {
		items[i] = &rows[i]
	}
	return listing[*bottleRow]{
		key: "bottles", items: items, columns: columns, paint: paintState,
		name: func(b *bottleRow) string { return b.Slug },
		item: func(j *jsonBuf, b *bottleRow) { b.item(j) },
		head: func(j *jsonBuf) { j.num("seq", seq) },
	}.print(c)
}

// stateText is the state with what there is to know of it: why it stopped,
// how it ended, what is under way.
func (b *bottleRow) stateText() string {
	s := string(b.State)
	if b.Pending != "" {
		return s + ", " + b.Pending + " under way"
	}
	var more []string
	if b.State == projections.Stopped || b.State == projections.Failed {
		if why := b.why(); why != "" {
			more = append(more, why)
		}
		if b.ExitCode != nil && *b.ExitCode != 0 {
			more = append(more, "exit "+strconv.Itoa(*b.ExitCode))
		}
	}
	if b.State == projections.Running && b.ExitCode != nil {
		more = append(more, "agent exited, exit "+strconv.Itoa(*b.ExitCode))
	}
	if b.State == projections.Running && b.Observed != "" {
		more = append(more, b.Observed)
	}
	if len(more) > 0 {
		s += " (" + strings.Join(more, ", ") + ")"
	}
	return s
}

func (b *bottleRow) observedText() string {
	if b.drift == nil {
		return ""
	}
	return b.drift.Observed
}

func (b *bottleRow) driftText() string {
	if b.drift == nil {
		return ""
	}
	return b.drift.Kind
}

func (b *bottleRow) sizeText() string {
	if b.size == nil {
		return ""
	}
	return bytesText(*b.size)
}

func (b *bottleRow) labelsText() string {
	m, err := b.Labels()
	if err != nil {
		return "?"
	}
	return labelsText(m)
}

// paintState colours states and drift; a word always says the same.
func paintState(column, cell string) string {
	colour := ""
	switch {
	case column == "drift" && cell != "-":
		colour = "\x1b[31m"
	case column != "state":
	case strings.HasPrefix(cell, "running"):
		colour = "\x1b[32m"
	case strings.HasPrefix(cell, "failed"), strings.HasPrefix(cell, "lost"):
		colour = "\x1b[31m"
	case strings.HasPrefix(cell, "stopped"):
		colour = "\x1b[33m"
	}
	if colour == "" {
		return cell
	}
	return colour + cell + "\x1b[0m"
}
