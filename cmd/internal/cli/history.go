package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// eventQuery selects events of the log.
type eventQuery struct {
	Since  string   `placeholder:"T" help:"Events from then on: 2h (ago), a date, RFC 3339, or seq:N (after event N)."`
	Until  string   `placeholder:"T" help:"Events up to then."`
	Type   []string `placeholder:"TYPE" help:"Only events of this type, as BottleStopped."`
	Label  []string `sep:"none" placeholder:"K=V" help:"Only of bottles with this label."`
	Bottle []string `name:"bottle" sep:"none" placeholder:"BOTTLE" help:"Only of this bottle."`
	Limit  int      `placeholder:"N" help:"Only the last N."`
}

func (q *eventQuery) check() error {
	for _, t := range q.Type {
		if err := oneOf("--type", t, events.Types()); err != nil {
			return err
		}
	}
	for flag, s := range map[string]string{"--since": q.Since, "--until": q.Until} {
		if s == "" {
			continue
		}
		if _, err := parseMoment(s, time.Time{}); err != nil {
			return usageError(flag + " " + err.Error())
		}
	}
	if q.Limit < 0 {
		return usageError("--limit takes a number that is not negative")
	}
	_, _, err := labelFilter(q.Label)
	return err
}

// filter turns the flags into what the log is asked. none is true when no
// bottle has the labels, so that nothing is selected.
func (q *eventQuery) filter(ctx context.Context, c *call, v *glance, bottles []string) (f events.Filter, none bool, err error) {
	f.Types, f.Limit, f.Newest = q.Type, q.Limit, true
	now := c.env.Now()
	if q.Since != "" {
		m, err := parseMoment(q.Since, now)
		if err != nil {
			return f, false, err
		}
		f.AfterSeq, f.Since = m.Seq, m.Time
	}
	if q.Until != "" {
		m, err := parseMoment(q.Until, now)
		if err != nil {
			return f, false, err
		}
		f.UntilSeq, f.Until = m.Seq, m.Time
		if m.BySeq && m.Seq == 0 {
			return f, true, nil
		}
	}
	for _, word := range bottles {
		id, err := v.lookup(ctx, word, false)
		if err != nil {
			return f, false, err
		}
		f.Streams = append(f.Streams, id)
	}
	if len(q.Label) > 0 {
		set, has, err := labelFilter(q.Label)
		if err != nil {
			return f, false, err
		}
		rows, err := v.list(ctx, projections.Query{All: true, Labels: set, HasLabels: has})
		if err != nil {
			return f, false, err
		}
		named := f.Streams
		f.Streams = nil
		for _, r := range rows {
			if len(bottles) == 0 || slices.Contains(named, r.ID) {
				f.Streams = append(f.Streams, r.ID)
			}
		}
		none = len(f.Streams) == 0
	}
	return f, none, nil
}

// historyCmd is `history`.
type historyCmd struct {
	Name string `arg:"" optional:"" name:"bottle" help:"Slug, id, or a prefix of either; removed bottles too."`
	eventQuery
}

func (h *historyCmd) run(ctx context.Context, c *call) error {
	bottles := h.Bottle
	if h.Name != "" {
		bottles = append(bottles, h.Name)
	}
	found, _, err := h.read(ctx, c, bottles)
	if err != nil {
		return err
	}
	return c.printEvents(found)
}

// toldEvent is an event with the slug that its bottle has by now.
type toldEvent struct {
	events.Event
	slug string
}

// read selects events, oldest first, and says where the log ended then.
func (q *eventQuery) read(ctx context.Context, c *call, bottles []string) (found []toldEvent, head int64, err error) {
	seen := false
	err = c.look(ctx, func(v *glance) error {
		seen = true
		f, none, err := q.filter(ctx, c, v, bottles)
		if err != nil || none {
			return err
		}
		if head, err = v.Head(ctx); err != nil {
			return err
		}
		names, err := slugs(ctx, v)
		if err != nil {
			return err
		}
		return v.Scan(ctx, f, func(e events.Event) error {
			found = append(found, toldEvent{e, names[e.Stream]})
			return nil
		})
	})
	if err == nil && !seen && len(bottles) > 0 {
		err = &projections.NoSuchBottle{Word: bottles[0]}
	}
	return found, head, err
}

// slugs maps every bottle's id to its slug.
func slugs(ctx context.Context, v *glance) (map[string]string, error) {
	rows, err := v.list(ctx, projections.Query{All: true})
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(rows))
	for _, r := range rows {
		names[r.ID] = r.Slug
	}
	return names, nil
}

func (e toldEvent) item(j *jsonBuf) {
	j.open("", '{').num("seq", e.Seq).str("bottle", e.Stream).opt("slug", e.slug).num("version", e.Version)
	j.str("type", e.Type).time("time", e.Time).stored("data", e.Data).stored("private", e.Erasable)
	o := e.origin()
	j.open("origin", '{').str("command", o.Command).str("user", o.User).num("uid", int64(o.UID))
	j.opt("sudo_user", o.SudoUser).opt("ssh_peer", o.SSHPeer).opt("tty", o.TTY).str("host", o.Host)
	j.opt("machine_id", o.MachineID).opt("boot_id", o.BootID).num("pid", int64(o.PID))
	j.optNum("process_start", o.ProcessStart, o.ProcessStart != 0).str("build", o.Build).opt("reason", o.Reason)
	j.close('}').close('}')
}

// origin reads who appended the event; half of it is better than none.
func (e toldEvent) origin() (o events.Origin) {
	_ = json.Unmarshal(e.Origin, &o)
	return o
}

// ids are the fields that tell a person nothing; JSON has them.
var ids = []string{"nonce", "engine_id", "image_id", "image_digest", "instance_id", "backend_version", "holder_digest", "endpoint"}

// what is the payload in one line: its plain fields.
func (e toldEvent) what() string {
	var fields map[string]any
	dec := json.NewDecoder(strings.NewReader(string(e.Data)))
	dec.UseNumber()
	if dec.Decode(&fields) != nil {
		return "?"
	}
	var out []string
	for k, v := range fields {
		if slices.Contains(ids, k) {
			continue
		}
		switch v := v.(type) {
		case string:
			if v != "" {
				out = append(out, k+"="+clip(v))
			}
		case json.Number, bool:
			out = append(out, fmt.Sprintf("%s=%v", k, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (c *call) printEvents(found []toldEvent) error { return c.eventListing(found).print(c) }

func (c *call) eventListing(found []toldEvent) listing[toldEvent] {
	return listing[toldEvent]{
		key: "events", items: found, item: func(j *jsonBuf, e toldEvent) { e.item(j) },
		name: func(e toldEvent) string { return orElse(e.slug, e.Stream) },
		columns: []column[toldEvent]{
			{name: "seq", value: func(e toldEvent) string { return fmt.Sprint(e.Seq) }},
			{name: "time", value: func(e toldEvent) string { return e.Time.Local().Format("2006-01-02 15:04:05") }},
			{name: "bottle", value: func(e toldEvent) string { return orElse(e.slug, e.Stream) }},
			{name: "type", value: func(e toldEvent) string { return e.Type }},
			{name: "what", value: toldEvent.what},
			{name: "version", wide: true, value: func(e toldEvent) string { return fmt.Sprint(e.Version) }},
			{name: "command", wide: true, value: func(e toldEvent) string { return e.origin().Command }},
			{name: "user", wide: true, value: func(e toldEvent) string { return e.origin().User }},
			{name: "host", wide: true, value: func(e toldEvent) string { return e.origin().Host }},
			{name: "reason", wide: true, value: func(e toldEvent) string { return e.origin().Reason }},
			{name: "id", wide: true, value: func(e toldEvent) string { return e.Stream }},
		},
	}
}
