package lifecycle_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// instances lists what the engine holds with any bot-bottle label.
func (w *world) instances() []backends.Observation {
	w.t.Helper()
	be := w.open()
	defer be.Close()
	all, err := be.List(context.Background(), "")
	must(w.t, err)
	return all
}

// consistent checks the claims of the house: nothing is open, log and engine
// agree, every instance and clone belongs to a bottle that is there, no story
// makes two claims at once, and replay is the live state.
func (w *world) consistent() error { return w.consistentBut(map[string]bool{}) }

// forgotten are the bottles that were removed without asking the engine, which
// may hold their instances until the next cleanup.
func (w *world) forgotten() map[string]bool {
	out := map[string]bool{}
	must(w.t, w.Log.View(ctx, func(v *events.View) error {
		for _, b := range w.all() {
			stream, err := v.Stream(ctx, b.ID)
			if err != nil {
				return err
			}
			for _, e := range stream {
				p, err := events.Decode(e)
				if err != nil {
					return err
				}
				if p, ok := p.(*events.BottleRemoved); ok && p.Forgotten {
					out[b.ID+" forgotten"] = true
				}
			}
		}
		return nil
	}))
	return out
}

// consistentBut is consistent with these ids owned besides.
func (w *world) consistentBut(owned map[string]bool) error {
	for _, b := range w.all() {
		if b.Pending != nil {
			return fmt.Errorf("bottle %s: %s is still open", b.Slug, b.Pending.Action)
		}
		d := w.Check(context.Background(), []projections.Bottle{b})[b.ID]
		if d.Kind != "" || d.Err != nil {
			return fmt.Errorf("bottle %s is %s, the engine says %s: %s %v", b.Slug, b.State, d.Observed, d.Kind, d.Err)
		}
		if b.State == projections.Removed {
			continue
		}
		owned[b.ID] = true
		if b.Instance != nil {
			owned[b.Instance.InstanceID] = true
		}
	}
	for _, o := range w.instances() {
		if !owned[o.ID] && !owned[o.Labels.Bottle+" forgotten"] {
			return fmt.Errorf("instance %s (%s) is nobody's", o.Name, o.Status)
		}
	}
	clones, err := os.ReadDir(filepath.Join(w.Home, "clones"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, c := range clones {
		if !owned[c.Name()] {
			return fmt.Errorf("clone %s is nobody's", c.Name())
		}
	}
	return w.soundLog()
}

// soundLog checks every stream, and the tables against them.
func (w *world) soundLog() error {
	ctx := context.Background()
	return w.Log.View(ctx, func(v *events.View) error {
		report, err := projections.Check(ctx, v)
		if err != nil || len(report.Differences) > 0 {
			return fmt.Errorf("tables: %v, %v", report.Differences, err)
		}
		rows, err := projections.List(ctx, v, projections.Query{All: true})
		if err != nil {
			return err
		}
		for _, r := range rows {
			stream, err := v.Stream(ctx, r.ID)
			if err == nil {
				err = soundStory(stream)
			}
			if err != nil {
				return fmt.Errorf("story of %s: %w", r.Slug, err)
			}
		}
		return nil
	})
}

// soundStory checks that one claim is open at a time, that a bottle is removed
// once, and that every generation is made once, after the one before.
func soundStory(stream []events.Event) error {
	open, removed, generation := "", false, 0
	for _, e := range stream {
		p, err := events.Decode(e)
		if err != nil {
			return err
		}
		switch p := p.(type) {
		case *events.ActionRequested:
			if open != "" {
				return fmt.Errorf("%s was claimed while %s was open", p.Action, open)
			}
			open = p.Action
		case *events.ActionFailed, *events.BottleStarted, *events.BottleStopped:
			open = ""
		case *events.BottleRemoved:
			if removed {
				return fmt.Errorf("removed twice")
			}
			open, removed = "", true
		case *events.InstanceCreated:
			if p.Generation <= generation {
				return fmt.Errorf("generation %d after %d", p.Generation, generation)
			}
			generation = p.Generation
		}
	}
	return nil
}
