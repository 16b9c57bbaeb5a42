package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// doctorCmd is `doctor`. It changes nothing, unless --deep makes an instance
// and removes it again.
type doctorCmd struct {
	Deep  bool   `help:"Also start a throw-away instance in each backend."`
	Image string `placeholder:"I" help:"Image for --deep instead of the backend's own; any with a shell will do."`
}

// check is one thing that doctor looked at.
type check struct {
	id, backend string
	status      string
	detail, fix string
}

// The statuses of a check.
const (
	statusOK      = "ok"
	statusWarn    = "warn"
	statusFail    = "fail"
	statusSkipped = "skipped"
)

func (d *doctorCmd) run(ctx context.Context, c *call) error {
	home, err := c.homeFolder()
	if err != nil {
		return err
	}
	checks, homeID := c.checkHome(ctx, home)
	usable := false
	for _, name := range c.env.Backends.Names() {
		found, works := d.checkBackend(ctx, c, name, homeID)
		checks, usable = append(checks, found...), usable || works
	}
	c.reports = true // what is wrong is the very answer
	if err := printChecks(c, checks, usable); err != nil {
		return err
	}
	if !usable {
		return &problem{Code: codeUnavailable, Message: "no backend can make a bottle here"}
	}
	return nil
}

// checkBackend looks at the engine that a new bottle would get.
func (d *doctorCmd) checkBackend(ctx context.Context, c *call, name, homeID string) (checks []check, works bool) {
	add := func(id, status, detail, fix string) {
		checks = append(checks, check{id: name + "." + id, backend: name, status: status, detail: detail, fix: fix})
	}
	fail := func(err error) ([]check, bool) {
		f := explain(err)
		add("reachable", statusFail, f.Message, f.Next)
		if d.Deep {
			add("boot", statusSkipped, "it cannot be reached", "")
		}
		return checks, false
	}
	k, err := c.env.Backends.Kind(name)
	if err != nil {
		return fail(err)
	}
	endpoint, err := k.Resolve("", c.getenv)
	if err != nil {
		return fail(err)
	}
	be, err := k.Open(endpoint)
	if err != nil {
		return fail(err)
	}
	defer be.Close()
	ask, cancel := context.WithTimeout(ctx, time.Duration(c.EngineTimeout))
	defer cancel()
	e, err := be.Probe(ask)
	if err != nil {
		return fail(err)
	}
	add("reachable", statusOK, endpoint, "")
	add("version", statusOK, fmt.Sprintf("%s %s, API %s", orElse(e.Name, name), e.Version, orElse(e.API, "-")), "")
	works = true
	for _, g := range e.Missing {
		status := statusWarn
		if g.Blocks {
			status, works = statusFail, false
		}
		add(strings.TrimPrefix(g.ID, name+"."), status, g.Detail, g.Fix)
	}
	if len(e.Missing) == 0 {
		add("limits", statusOK, "everything that start can ask for is enforced", "")
	}
	if all, err := be.List(ask, ""); err != nil {
		add("instances", statusWarn, err.Error(), "bot-bottle doctor --verbose")
	} else {
		ours, others := 0, 0
		for _, o := range all {
			if o.Labels.Home == homeID && homeID != "" {
				ours++
			} else {
				others++
			}
		}
		add("instances", statusOK, fmt.Sprintf("%d of this home, %d of other homes, which are left alone", ours, others), "")
	}
	if d.Deep {
		status, detail, fix := d.boot(ctx, c, be, name, homeID)
		add("boot", status, detail, fix)
		// doing is the better witness, either way
		works = status == statusOK || works && status != statusFail
	}
	return checks, works
}

// checkHome looks at the records.
func (c *call) checkHome(ctx context.Context, home string) (checks []check, homeID string) {
	add := func(id, status, detail, fix string) {
		checks = append(checks, check{id: id, status: status, detail: detail, fix: fix})
	}
	st, err := os.Stat(home)
	switch {
	case os.IsNotExist(err):
		for _, id := range []string{"home.mode", "home.filesystem", "log.schema", "log.projection"} {
			add(id, statusSkipped, "there is no home yet: the first start makes "+home, "")
		}
		return checks, ""
	case err != nil:
		add("home.mode", statusFail, err.Error(), "")
		return checks, ""
	case st.Mode().Perm()&0o077 != 0:
		add("home.mode", statusWarn, fmt.Sprintf("%s has mode %04o: others can read the records", home, st.Mode().Perm()), "chmod 700 "+home)
	default:
		add("home.mode", statusOK, fmt.Sprintf("%s has mode %04o", home, st.Mode().Perm()), "")
	}
	if err := events.CheckPlace(home); err != nil {
		add("home.filesystem", statusFail, err.Error(), "export BOT_BOTTLE_HOME=DIR on a local disk")
	} else {
		add("home.filesystem", statusOK, "fit for the log", "")
	}
	r, err := c.reader(ctx)
	switch {
	case err != nil:
		f := explain(err)
		add("log.schema", statusFail, f.Message, f.Next)
		add("log.projection", statusSkipped, "the log cannot be read", "")
		return checks, ""
	case r == nil:
		add("log.schema", statusSkipped, "there is no log yet", "")
		add("log.projection", statusSkipped, "there is no log yet", "")
		return checks, ""
	}
	homeID = r.HomeID()
	add("log.schema", statusOK, "home "+homeID, "")
	status, detail, fix := statusOK, "the tables are what the log makes of them", ""
	var report projections.Report
	err = r.View(ctx, func(v *events.View) (err error) {
		report, err = projections.Check(ctx, v)
		return err
	})
	if err == nil && len(report.Differences) > 0 {
		err = &projections.Damaged{What: report.Differences[0].String()}
	}
	if err != nil {
		f := explain(err)
		status, detail, fix = statusFail, f.Message, f.Next
	}
	add("log.projection", status, detail, fix)
	return checks, homeID
}

func printChecks(c *call, checks []check, ok bool) error {
	return listing[check]{
		key: "checks", items: checks,
		head: func(j *jsonBuf) { j.bool("ok", ok) },
		name: func(k check) string { return k.id },
		item: func(j *jsonBuf, k check) {
			j.open("", '{').str("id", k.id).opt("backend", k.backend).str("status", k.status).str("detail", k.detail).opt("fix", k.fix).close('}')
		},
		columns: []column[check]{
			{name: "check", value: func(k check) string { return k.id }},
			{name: "status", value: func(k check) string { return k.status }},
			{name: "detail", value: func(k check) string { return k.detail }},
			{name: "fix", value: func(k check) string { return k.fix }},
		},
		paint: func(column, cell string) string {
			switch {
			case column != "status":
				return cell
			case cell == statusFail:
				return "\x1b[31m" + cell + "\x1b[0m"
			case cell == statusWarn:
				return "\x1b[33m" + cell + "\x1b[0m"
			}
			return cell
		},
	}.print(c)
}
