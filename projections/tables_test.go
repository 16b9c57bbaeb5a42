package projections_test

import (
	"context"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

func TestTablesFollowTheLog(t *testing.T) {
	dir := template(t)
	check(t, 40, func(t *rapid.T) {
		h := caseHome(t, dir)
		defer h.drop(t)
		steps := drawSteps(t, 4, 60)
		for _, s := range steps {
			h.append(t, s.stream, s.expect, s.events...)
		}
		h.sound(t)
		// The tables are what the generator knows, too.
		last := map[string]step{}
		for _, s := range steps {
			last[s.stream] = s
		}
		for _, r := range h.list(t, projections.Query{All: true}) {
			if s := last[r.ID]; r.State != s.state || r.Pending != s.pending || r.Version != s.expect+int64(len(s.events)) {
				t.Fatalf("bottle %s is listed as %s, pending %q, version %d; its life says %s, %q", r.ID, r.State, r.Pending, r.Version, s.state, s.pending)
			}
			delete(last, r.ID)
		}
		if len(last) > 0 {
			t.Fatalf("%d bottles are not listed", len(last))
		}
	})
}

func TestLoadIsTheFold(t *testing.T) {
	dir := template(t)
	check(t, 40, func(t *rapid.T) {
		h := caseHome(t, dir)
		defer h.drop(t)
		for _, s := range drawSteps(t, 3, 40) {
			h.update(t, func(ctx context.Context, tx *events.Tx) error {
				if rapid.Bool().Draw(t, "load before") && s.expect > 0 {
					if _, err := h.tables.Load(ctx, tx, s.stream); err != nil {
						return err
					}
				}
				if _, err := tx.Append(ctx, s.stream, s.expect, s.events...); err != nil {
					return err
				}
				got, err := h.tables.Load(ctx, tx, s.stream)
				if err != nil {
					return err
				}
				stream, err := tx.Stream(ctx, s.stream)
				if err != nil {
					return err
				}
				if want := fold(t, stream); !reflect.DeepEqual(got, want) {
					t.Fatalf("loaded\n%+v\nfolded\n%+v", got, want)
				}
				return nil
			})
			h.view(t, func(ctx context.Context, v *events.View) error {
				got, err := projections.LoadView(ctx, v, s.stream)
				if err != nil || string(got.State) != string(s.state) {
					t.Fatalf("a reader sees %s (%v), want %s", got.State, err, s.state)
				}
				return nil
			})
		}
	})
}
