package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// bottle looks one bottle up.
func (c *call) bottle(ctx context.Context, word string) (b projections.Bottle, err error) {
	found := false
	err = c.look(ctx, func(v *glance) error {
		id, err := v.lookup(ctx, word, false)
		if err != nil {
			return err
		}
		found = true
		b, err = projections.LoadView(ctx, v.View, id)
		return err
	})
	if err == nil && !found {
		err = &projections.NoSuchBottle{Word: word}
	}
	return b, err
}

// one is the word that names a bottle.
type one struct {
	Bottle string `arg:"" help:"Slug, id, or a prefix of either that fits one bottle."`
}

// many are the ways to name several bottles.
type many struct {
	Bottles []string `arg:"" optional:"" name:"bottle" sep:"none" help:"Slugs, ids, or prefixes that fit one bottle each."`
	Label   []string `sep:"none" placeholder:"K=V" help:"Every bottle with this label, instead of names."`
	All     bool     `help:"Every bottle, instead of names."`
}

func (m *many) check() error {
	named, selected := len(m.Bottles) > 0, m.All || len(m.Label) > 0
	switch {
	case named && selected:
		return usageError("name bottles, or select them by --label or --all: not both")
	case !named && !selected:
		return usageError("name a bottle, or select by --label k=v or --all")
	}
	_, _, err := labelFilter(m.Label)
	return err
}

// target is one of several bottles, or why a word named none.
type target struct {
	word string // as the user wrote it; the slug when selected
	id   string
	err  error
}

// pick resolves the words, each on its own, and the selection. A bottle that
// is named twice is acted on once.
func (m *many) pick(ctx context.Context, c *call, exact bool, states []string) ([]target, error) {
	var out []target
	seen := map[string]bool{}
	err := c.look(ctx, func(v *glance) error {
		for _, w := range m.Bottles {
			id, err := v.lookup(ctx, w, exact)
			if err != nil && !isLookup(err) {
				return err
			}
			if err == nil && seen[id] {
				continue
			}
			seen[id] = err == nil
			out = append(out, target{w, id, err})
		}
		if len(m.Bottles) > 0 {
			return nil
		}
		set, has, err := labelFilter(m.Label)
		if err != nil {
			return err
		}
		rows, err := v.list(ctx, projections.Query{Labels: set, HasLabels: has, States: states})
		for _, r := range rows {
			out = append(out, target{r.Slug, r.ID, nil})
		}
		return err
	})
	if err == nil && len(out) == 0 {
		for _, w := range m.Bottles { // there is no log
			out = append(out, target{word: w, err: &projections.NoSuchBottle{Word: w}})
		}
	}
	return out, err
}

// isLookup says whether an error is about one word and not about the log.
func isLookup(err error) bool {
	var none *projections.NoSuchBottle
	var many *projections.Ambiguous
	return errors.As(err, &none) || errors.As(err, &many)
}

// labelFilter reads k=v (this value) and k (any value).
func labelFilter(list []string) (set map[string]string, has []string, err error) {
	set = map[string]string{}
	for _, l := range list {
		k, v, eq := strings.Cut(l, "=")
		if k == "" {
			return nil, nil, usageError(fmt.Sprintf("--label %s: it takes k=v, or k for any value", clip(l)))
		}
		if eq {
			set[k] = v
		} else {
			has = append(has, k)
		}
	}
	return set, has, nil
}

// result is what came of one of several bottles.
type result struct {
	bottle string
	err    error
}

// each acts on every target, goes on after failures, and reports.
func (c *call) each(ctx context.Context, named int, targets []target, act func(id string) error) error {
	results := make([]result, 0, len(targets))
	failed := 0
	for _, t := range targets {
		err := t.err
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = act(t.id)
		}
		if err != nil {
			failed++
		}
		results = append(results, result{t.word, err})
	}
	c.results(results, len(targets) > 1 || named > 1)
	switch {
	case failed == 0:
		return nil
	case len(targets) == 1 && named <= 1:
		return results[0].err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &problem{Code: codePartlyDone, Message: fmt.Sprintf("%s: %d of %d failed", c.command, failed, len(targets))}
}

// results prints what came of each bottle; with several, every failure is
// told on stderr as it is in the report.
func (c *call) results(results []result, several bool) {
	for _, r := range results {
		if r.err != nil && several && c.Output != asJSON && c.Output != asLines {
			f := explain(r.err)
			c.complain(f)
		}
	}
	switch c.Output {
	case asJSON:
		j := newDocument()
		j.open("results", '[')
		for _, r := range results {
			r.item(j)
		}
		j.close(']')
		c.document(j)
	case asLines:
		for _, r := range results {
			j := &jsonBuf{}
			r.item(j)
			c.out.Write(append(j.b, '\n'))
		}
	default:
		for _, r := range results {
			if r.err == nil {
				c.out.WriteString(safe(r.bottle) + "\n")
			}
		}
	}
}

func (r result) item(j *jsonBuf) {
	j.open("", '{').str("bottle", r.bottle).bool("ok", r.err == nil)
	if r.err == nil {
		j.null("error").close('}')
		return
	}
	f := explain(r.err)
	j.open("error", '{')
	f.keys(j)
	j.close('}').close('}')
}
