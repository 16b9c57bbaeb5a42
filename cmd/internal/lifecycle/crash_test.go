package lifecycle_test

import (
	"testing"
)

// A process that dies at any step of any verb leaves nothing that the next
// command cannot settle: no bottle wrong, no instance nobody's. The same when
// the command that settles dies in turn, again and again, a step later each
// time.
func TestCrashAtEveryStepIsSettled(t *testing.T) {
	src := repo(t)
	for _, a := range acts {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			c := &cases{t: t, dir: t.TempDir(), repo: src}
			tried := 0
			for n := int64(1); ; n++ {
				for _, again := range []bool{false, true} {
					if again && n%thin != 0 {
						continue
					}
					at, deaths := crash1(c, a, n, again)
					if at == "" {
						t.Logf("%d steps, %d deaths", n-1, tried)
						return
					}
					tried += deaths
				}
			}
		})
	}
}

// crash1 dies at step n of a verb, and with again at each step of recovery in
// turn. It says where it died, "" when there is no step n, and how often.
func crash1(c *cases, a act, n int64, again bool) (at string, deaths int) {
	w := c.world()
	defer w.drop()
	id := a.up(w)
	w.steps = nil
	w.crashAt.Store(n)
	at = w.dies(func() { a.do(w, id) })
	w.crashAt.Store(0)
	if at == "" {
		return "", 0
	}
	deaths = 1
	for k := int64(1); again; k++ {
		w.crashAt.Store(k)
		if w.dies(func() { w.Recover(ctx, false) }) == "" {
			break
		}
		deaths++
	}
	w.crashAt.Store(0)
	if err := a.mend(w, id); err != nil {
		c.t.Errorf("died at %s, %d times, then recovered: %v", at, deaths, err)
	}
	return at, deaths
}
