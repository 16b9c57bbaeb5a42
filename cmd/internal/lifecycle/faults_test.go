package lifecycle_test

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// far is a number of calls that no act reaches.
const far = 1 << 20

// unheard is a point that a verb may or may not come by: who copies out of a
// bottle stops listening at the end of the archive.
const unheard = "copyout:after"

// checks begins the points that only doctor comes by.
const checks = "deep:"

// Whatever the engine fails at, before or after it did what was asked, once or
// from then on: when it is well again recover settles it, and the bottle has a
// way on. A verb that says all the same that it is done has done it.
//
// The two kinds of faults take turns, beginning elsewhere in each act; with
// FAULTS=all every point meets both in every act.
func TestFaultAtEveryPointIsSettled(t *testing.T) {
	src, step := repo(t), 2*thin+1 // odd, so that the kinds take turns
	if os.Getenv("FAULTS") == "all" {
		step = 1
	}
	var met atomic.Int64
	var mu sync.Mutex
	tried, ran := map[string]int{}, 0
	t.Run("acts", func(t *testing.T) {
		for i, a := range acts {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				c := &cases{t: t, dir: t.TempDir(), repo: src}
				calls := passes(c, a)
				mu.Lock()
				ran++
				mu.Unlock()
				turn := i
				for _, point := range fake.Points() {
					for call := range calls[point] {
						mu.Lock()
						tried[point]++
						mu.Unlock()
						for _, f := range []fake.Fault{{Times: 1, Error: "it does not want to"}, {Error: "unavailable"}} {
							if turn++; turn%step != 0 {
								continue
							}
							f.Point, f.Skip = point, call
							fault1(c, a, f)
							met.Add(1)
						}
					}
				}
			})
		}
	})
	whole := ran == len(acts)
	for _, point := range fake.Points() {
		if tried[point] == 0 && point != unheard && !strings.HasPrefix(point, checks) && whole {
			t.Errorf("no act comes by %s", point)
		}
	}
	t.Logf("%d cases at %d points", met.Load(), len(tried))
}

// passes counts how often an act comes by each point when all goes well.
func passes(c *cases, a act) map[string]int {
	w := c.world()
	defer w.drop()
	id := a.up(w)
	var f fake.Faults
	for _, point := range fake.Points() {
		f.Faults = append(f.Faults, fake.Fault{Point: point, Skip: far})
	}
	w.faults(f)
	if err := a.do(w, id); err != nil {
		c.t.Fatalf("without a fault: %v", err)
	}
	left, err := w.behind().Faults()
	must(c.t, err)
	out := map[string]int{}
	for _, one := range left.Faults {
		if n := far - one.Skip; n > 0 && one.Point != unheard {
			out[one.Point] = n
		}
	}
	w.faults(fake.Faults{})
	return out
}

// fault1 lets an act meet a fault.
func fault1(c *cases, a act, f fake.Fault) {
	w := c.world()
	defer w.drop()
	id := a.up(w)
	w.faults(fake.Faults{Faults: []fake.Fault{f}})
	err := a.do(w, id)
	left, ferr := w.behind().Faults()
	must(c.t, ferr)
	if met := f.Times == 0 && left.Faults[0].Skip == 0 || f.Times != 0 && len(left.Faults) == 0; !met {
		c.t.Errorf("%s was not met for the %d. time", f.Point, f.Skip+1)
	}
	w.faults(fake.Faults{})
	if err == nil && a.want != "" {
		if b := w.subject(id); b.State != a.want {
			c.t.Errorf("%+v: said to be done, and it is %s, want %s", f, b.State, a.want)
		}
	}
	if merr := a.mend(w, id); merr != nil {
		c.t.Errorf("%+v: told %v; then recovered: %v", f, err, merr)
	}
}
