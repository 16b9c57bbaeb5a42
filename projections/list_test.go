package projections_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// TestListIsTheFoldsList asks tables and a fold in memory the same questions.
func TestListIsTheFoldsList(t *testing.T) {
	dir := template(t)
	asked := 0
	check(t, 30, func(t *rapid.T) {
		h := caseHome(t, dir)
		defer h.drop(t)
		steps := drawSteps(t, 7, 60)
		for _, s := range steps {
			h.append(t, s.stream, s.expect, s.events...)
		}
		h.view(t, func(ctx context.Context, v *events.View) error {
			all, err := projections.FoldAll(ctx, v)
			if err != nil {
				return err
			}
			for range 10 {
				asked++
				q := drawQuery(t, all)
				want, err := q.Select(all)
				if err != nil {
					return err
				}
				got, err := projections.List(ctx, v, q)
				if err != nil {
					return err
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v\nlists  %+v\nfolded %+v", q, got, want)
				}
				some := q
				some.Columns = []string{"slug", "exit_code", "observed", "version", "updated_at"}
				few, err := projections.List(ctx, v, some)
				if err != nil || len(few) != len(want) {
					t.Fatalf("%+v lists %d of %d, %v", some, len(few), len(want), err)
				}
				for i, r := range few {
					w := projections.Row{Slug: want[i].Slug, State: want[i].State, ExitCode: want[i].ExitCode, Observed: want[i].Observed,
						Version: want[i].Version, UpdatedAt: want[i].UpdatedAt, ID: r.ID, Backend: r.Backend, LabelsJSON: r.LabelsJSON} // these by the query
					if !reflect.DeepEqual(r, w) {
						t.Fatalf("%+v\nlists  %+v\nwanted %+v", some, r, w)
					}
				}
				for _, word := range drawWords(t, all) {
					for _, exact := range []bool{false, true} {
						got, gotErr := projections.Lookup(ctx, v, word, exact)
						want, wantErr := projections.LookupIn(all, word, exact)
						if got != want || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
							t.Fatalf("%q (exact %v): looked up %s %v, folded %s %v", word, exact, got, gotErr, want, wantErr)
						}
					}
				}
			}
			return nil
		})
	})
	t.Logf("%d queries", asked)
}

func drawQuery(t *rapid.T, rows []projections.Row) projections.Query {
	some := func(label string, from []string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 0, 2).Draw(t, label)
	}
	q := projections.Query{
		All:       rapid.Bool().Draw(t, "all"),
		States:    some("states", []string{"created", "running", "stopped", "failed", "lost", "removed", "none"}),
		Backends:  some("backends", []string{"docker", "smolmachines", "fake"}),
		HasLabels: rapid.SliceOfN(rapid.SampledFrom([]string{"team", "k"}), 0, 1).Draw(t, "has"),
		Labels:    rapid.MapOfN(rapid.SampledFrom([]string{"team", "ünï"}), rapid.SampledFrom([]string{"", "a"}), 0, 1).Draw(t, "labels"),
	}
	if rapid.Bool().Draw(t, "by id") {
		q.IDs = some("ids", append([]string{"nobody"}, ids(rows)...))
	}
	return q
}

func ids(rows []projections.Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func drawWords(t *rapid.T, rows []projections.Row) []string {
	r := rapid.SampledFrom(rows).Draw(t, "row")
	cut := rapid.IntRange(0, len(r.ID)).Draw(t, "cut")
	return []string{r.Slug, r.Slug[:rapid.IntRange(0, len(r.Slug)).Draw(t, "prefix")], r.ID, r.ID[:cut], r.ID[cut:], "%", "_", "fix%", "nobody", ""}
}

func TestListIsNewestFirstWhateverClocksSay(t *testing.T) {
	h := newHome(t)
	if rows := h.list(t, projections.Query{}); rows == nil || len(rows) != 0 {
		t.Fatalf("an empty log lists %#v", rows)
	}
	for _, slug := range []string{"b", "a", "c"} {
		h.at = h.at.Add(-3_600_000_000_000) // an hour back each time
		h.append(t, "id-"+slug, 0, &events.BottleCreated{Slug: slug, InstanceName: slug})
	}
	h.append(t, "id-b", 1, &events.BottleProtected{On: true}) // what changed last is not what is newest
	h.append(t, "id-a", 1, &events.BottleRemoved{})
	if got := slugs(h.list(t, projections.Query{})); !slices.Equal(got, []string{"c", "b"}) {
		t.Errorf("listed %v", got)
	}
	if got := slugs(h.list(t, projections.Query{All: true})); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("listed all %v", got)
	}
}

func slugs(rows []projections.Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.Slug)
	}
	return out
}

// TestListOfHostileTexts holds every text column to what was put in, the
// separator of the quick way among it.
func TestListOfHostileTexts(t *testing.T) {
	for _, hostile := range []string{"\x1f", "a\x1fb\x1f", "\x00", "\x1b[31m", "'\"\\%_", "ünï ☃", " \n\t"} {
		t.Run(fmt.Sprintf("%q", hostile), func(t *testing.T) {
			h := newHome(t)
			h.append(t, "plain", 0, &events.BottleCreated{Slug: "plain", InstanceName: "p"})
			h.append(t, "id"+hostile, 0, &events.BottleCreated{
				Slug: "s" + hostile, Agent: hostile, Backend: "b" + hostile, Endpoint: hostile, BackendSource: hostile, InstanceName: hostile,
				IdempotencyKey: hostile, Spec: events.Spec{Image: hostile, Labels: map[string]string{"k" + hostile: hostile}},
			}, &events.ActionRequested{Action: hostile},
				&events.InstanceCreated{Generation: 1, InstanceName: hostile, InstanceID: hostile},
				&events.BottleStopped{Reason: hostile}, &events.ActionFailed{Code: hostile}, &events.BottleObserved{Status: hostile})
			h.sound(t)
			h.view(t, func(ctx context.Context, v *events.View) error {
				want, err := projections.FoldAll(ctx, v)
				if err != nil {
					return err
				}
				got, err := projections.List(ctx, v, projections.Query{})
				if err != nil {
					return err
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("listed %+v\nfolded %+v", got, want)
				}
				labels, err := got[0].Labels()
				if err != nil || labels["k"+hostile] != hostile {
					t.Errorf("labels %q: %v", labels, err)
				}
				return nil
			})
		})
	}
}
