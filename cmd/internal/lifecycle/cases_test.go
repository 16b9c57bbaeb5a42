package lifecycle_test

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// cases makes a world for each case of a test, out of one mould and on one
// repository, and drops it when the case is over.
type cases struct {
	t    require
	dir  string
	repo string
	n    int
}

func (c *cases) world() *world {
	c.n++
	dir := filepath.Join(c.dir, fmt.Sprint(c.n))
	home := filepath.Join(dir, "home")
	copyHome(c.t, home)
	w := enter(c.t, home, newEngine(c.t, filepath.Join(dir, "engine")))
	w.env["HOME"], w.repo = dir, c.repo
	return w
}

// drop ends a world that is no longer wanted. Every bottle must have a way
// out of the state it is in, and leave nothing.
func (w *world) drop() {
	w.t.Helper()
	if err := w.wipe(); err != nil {
		w.t.Errorf("no way out: %v", err)
	}
	must(w.t, w.Log.Close())
}

// wipe lets go of everything.
func (w *world) wipe() error {
	for _, b := range w.all() {
		if b.State == projections.Removed {
			continue
		}
		if b.Protected {
			if _, err := w.Protect(ctx, b.ID, false); err != nil {
				return err
			}
		}
		if err := remove(w, b.ID); err != nil {
			return fmt.Errorf("%s, %s: %w", b.Slug, b.State, err)
		}
	}
	for range 2 { // a network goes once no bottle is left that could use it
		if err := w.tidy(0); err != nil {
			return err
		}
	}
	if left, err := w.behind().Names(); err != nil || len(left) > 0 {
		return fmt.Errorf("left in the engine: %v, %w", left, err)
	}
	be := w.open()
	defer be.Close()
	if left, err := be.Leftovers(ctx, w.Log.HomeID()); err != nil || len(left) > 0 {
		return fmt.Errorf("left in the engine: %v, %w", left, err)
	}
	return nil
}

// end stops what still runs, so that no process outlives the test.
func (w *world) end() {
	for _, b := range w.all() {
		if b.State == projections.Running {
			if err := w.Stop(ctx, b.ID, lifecycle.StopRequest{Kill: true}); err != nil {
				w.t.Error(fmt.Errorf("end %s: %w", b.Slug, err))
			}
		}
	}
}

func never(string) (bool, error) { return false, nil }

func always(string) (bool, error) { return true, nil }

func nothing(*world) string { return "" }

func running(w *world) string { return w.start(request("made")).ID }

func stopped(w *world) string {
	w.t.Helper()
	id := running(w)
	must(w.t, w.Stop(ctx, id, lifecycle.StopRequest{}))
	return id
}

// brief leaves a stopped bottle whose agent ends by itself.
func brief(w *world) string {
	w.t.Helper()
	id := w.start(request("made", "sh", "-c", "exit 3")).ID
	must(w.t, w.Wait(ctx, id, "stopped"))
	return id
}

func lost(w *world) string {
	w.t.Helper()
	id := stopped(w)
	must(w.t, w.behind().Delete("bot-bottle-made"))
	must(w.t, settle(w, ""))
	return id
}

// cutAt leaves open what a process that died at a step had begun.
func cutAt(step string, up func(*world) string, do func(*world, string) error) func(*world) string {
	return func(w *world) string {
		w.t.Helper()
		id := up(w)
		w.on[step] = func() { panic(crash(step)) }
		if at := w.dies(func() { do(w, id) }); at != step {
			w.t.Fatalf("set-up: died at %q, want %s", at, step)
		}
		return w.all()[0].ID
	}
}

// cloning is a request that works on a clone of the world's repository.
func cloning(w *world) lifecycle.StartRequest {
	r := request("made")
	r.Clone = w.repo
	return r
}

// strayed leaves an instance that no bottle has any more.
func strayed(w *world) string {
	w.t.Helper()
	must(w.t, forget(w, stopped(w)))
	return ""
}

// littered leaves a stray instance, a bottle that was never made and one that
// has stopped, which cleanup lets go of.
func littered(w *world) string {
	w.t.Helper()
	strayed(w)
	r := cloning(w)
	r.Name = "broken"
	failed(w, r)
	must(w.t, w.Stop(ctx, w.start(request("old")).ID, lifecycle.StopRequest{}))
	return ""
}

// launch plans and starts.
func (w *world) launch(r lifecycle.StartRequest, fg *lifecycle.Foreground) error {
	p, err := w.Plan(ctx, r)
	if err == nil {
		_, err = w.Start(ctx, p, fg)
	}
	return err
}

func (w *world) resume(id string, r lifecycle.ResumeRequest) error {
	_, err := w.Resume(ctx, id, r)
	return err
}

func remove(w *world, id string) error {
	return w.Remove(ctx, id, lifecycle.RemoveRequest{Force: true, Confirm: always})
}

func forget(w *world, id string) error {
	return w.Remove(ctx, id, lifecycle.RemoveRequest{Forget: true, Confirm: always})
}

// settle recovers everything and returns what could not be.
func settle(w *world, _ string) error {
	plan, err := w.Recover(ctx, false)
	return undone(plan, err)
}

// tidy cleans up and returns what could not be.
func (w *world) tidy(stoppedFor time.Duration) error {
	plan, err := w.CleanupPlan(ctx, stoppedFor)
	if err == nil {
		plan, err = w.Cleanup(ctx, plan)
	}
	return undone(plan, err)
}

// tidy lets go of stopped bottles, too.
func tidy(w *world, _ string) error { return w.tidy(1) }

// undone is the first error of a plan.
func undone(plan []lifecycle.PlanItem, err error) error {
	for _, item := range plan {
		if err == nil && item.Err != nil {
			err = fmt.Errorf("%s %s: %w", item.Action, item.Detail, item.Err)
		}
	}
	return err
}

// adopt takes the stray instance in, unless that is done.
func adopt(w *world, _ string) error {
	for _, b := range w.all() {
		if b.Source == "adopt" {
			return nil
		}
	}
	_, err := w.Adopt(ctx, lifecycle.AdoptRequest{Instance: "bot-bottle-made", Backend: "fake"})
	return err
}

// mend does what the user does after a failure: recover, and what the act
// asks for besides. Then all must be well.
//
// An agent that ends by itself may do so right after the recovery has looked,
// which is for the next one to see, and no fault of this one.
func (a act) mend(w *world, id string) error {
	err := a.mendOnce(w, id)
	if err != nil && w.endedSince() {
		err = a.mendOnce(w, id)
	}
	return err
}

func (a act) mendOnce(w *world, id string) error {
	err := settle(w, "")
	if err == nil && a.then != nil {
		err = a.then(w, id)
	}
	if err == nil {
		err = w.consistent()
	}
	return err
}

// endedSince says whether an agent that is recorded as running has ended.
func (w *world) endedSince() bool {
	all := w.all()
	for _, d := range w.Check(context.Background(), all) {
		if d.Kind == "stopped" {
			return true
		}
	}
	return false
}

// subject is the bottle that an act is about.
func (w *world) subject(id string) projections.Bottle {
	w.t.Helper()
	if id == "" {
		id = w.all()[0].ID
	}
	return w.bottle(id)
}
