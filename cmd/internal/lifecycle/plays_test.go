package lifecycle_test

import (
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// verb is something that a manager, or somebody behind its back, does.
type verb struct {
	name string
	do   func() error
}

// plays are what a seed chooses from; those that stand here twice are chosen
// twice as often.
var plays = []func(w *world, b projections.Bottle, n int) verb{
	playStart, playStart, playStart,
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"stop " + b.Slug, func() error { return w.Stop(ctx, b.ID, lifecycle.StopRequest{}) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"resume " + b.Slug, func() error { return w.resume(b.ID, lifecycle.ResumeRequest{}) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"resume --new-instance " + b.Slug, func() error { return w.resume(b.ID, lifecycle.ResumeRequest{NewInstance: true}) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"restart " + b.Slug, func() error { return w.Restart(ctx, b.ID, lifecycle.StopRequest{}) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"rm " + b.Slug, func() error { return w.Remove(ctx, b.ID, lifecycle.RemoveRequest{Confirm: never}) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"rm --force " + b.Slug, func() error { return remove(w, b.ID) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"rm --forget " + b.Slug, func() error { return forget(w, b.ID) }}
	},
	func(w *world, b projections.Bottle, n int) verb {
		to := fmt.Sprintf("renamed-%d", n)
		return verb{"rename " + b.Slug + " " + to, func() error { _, err := w.Rename(ctx, b.ID, to); return err }}
	},
	func(w *world, b projections.Bottle, n int) verb {
		on := n%2 == 0
		return verb{fmt.Sprintf("protect %s %v", b.Slug, on), func() error { _, err := w.Protect(ctx, b.ID, on); return err }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"exec " + b.Slug, func() error {
			_, err := w.Exec(ctx, b.ID, lifecycle.ExecRequest{Argv: []string{"true"}})
			return err
		}}
	},
	func(w *world, _ projections.Bottle, _ int) verb {
		return verb{"recover", func() error { return settle(w, "") }}
	},
	func(w *world, _ projections.Bottle, n int) verb {
		return verb{"cleanup", func() error { return w.tidy(0) }}
	},
	func(w *world, b projections.Bottle, _ int) verb {
		return verb{"adopt " + b.InstanceName, func() error {
			_, err := w.Adopt(ctx, lifecycle.AdoptRequest{Instance: b.InstanceName, Backend: "fake"})
			return err
		}}
	},
	func(w *world, b projections.Bottle, n int) verb {
		do := []func(string) error{w.behind().Stop, w.behind().Start, w.behind().Delete}[n%3]
		return verb{fmt.Sprintf("behind our back, %s %s", []string{"stop", "start", "delete"}[n%3], b.InstanceName),
			func() error { return do(b.InstanceName) }}
	},
}

func playStart(w *world, _ projections.Bottle, n int) verb {
	r := request([]string{"a", "b"}[n%2], "sleep", "1000")
	if n%3 == 0 {
		r.Network = "none"
	}
	return verb{"start " + r.Name, func() error { return w.launch(r, nil) }}
}

// verb is what a manager does next, on one of the bottles that there are.
func (s *simulation) verb(p *player) verb {
	all := p.all()
	if len(all) == 0 {
		return playStart(p.world, projections.Bottle{}, s.rng.IntN(6))
	}
	b := all[s.rng.IntN(len(all))]
	return plays[s.rng.IntN(len(plays))](p.world, b, s.rng.IntN(6))
}
