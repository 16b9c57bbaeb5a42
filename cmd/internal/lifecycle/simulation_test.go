package lifecycle_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// simulationTime bounds a run that nobody asked for a number of seeds.
const simulationTime = 6 * time.Second

// Two managers on one home do what the seed says, step by step in the order
// that it says, and die and meet faults where it says. After each round that
// recover settled, all must be well; in the end everything has a way out.
//
// SIM_SEEDS is how many seeds to play, however long it takes; SIM_SEED is the
// first of them, alone when no number is given.
func TestTwoManagersOnOneHome(t *testing.T) {
	first, count, bounded := seeds(t)
	begin := time.Now()
	var next, played, verbs, done, deaths, faults atomic.Int64
	var wg sync.WaitGroup
	dir := t.TempDir()
	for range 4 * runtime.GOMAXPROCS(0) { // most of the time is waiting for the disk
		wg.Go(func() {
			for !t.Failed() {
				n := next.Add(1) - 1
				if n >= count || bounded && time.Since(begin) > simulationTime {
					return
				}
				s := play(t, first+n, fmt.Sprintf("%s/%d", dir, n))
				played.Add(1)
				verbs.Add(int64(s.verbs))
				done.Add(int64(s.done))
				deaths.Add(int64(s.deaths))
				faults.Add(int64(s.faults))
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds from %d: %d verbs, %d of them done, %d deaths, %d faults", played.Load(), first, verbs.Load(), done.Load(), deaths.Load(), faults.Load())
	if done.Load() < verbs.Load()/4 || played.Load() == 0 {
		t.Error("too little was done for a test")
	}
}

// A seed that failed must fail again: what it does hangs on nothing else.
func TestSeedsRepeat(t *testing.T) {
	for seed := int64(1); seed <= 4; seed++ {
		one, two := play(t, seed, t.TempDir()), play(t, seed, t.TempDir())
		if one.trace() != two.trace() {
			t.Errorf("seed %d went one way:\n%s\nand then another:\n%s", seed, one.trace(), two.trace())
		}
	}
}

func seeds(t *testing.T) (first, count int64, bounded bool) {
	t.Helper()
	number := func(name string, unset int64) int64 {
		v, ok := os.LookupEnv(name)
		if !ok {
			return unset
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	first, count = number("SIM_SEED", 0), number("SIM_SEEDS", 0)
	switch {
	case count > 0:
		return max(first, 1), count, false
	case first > 0:
		return first, 1, false
	}
	return 1, 200, true
}

// play plays one seed and tells how to play it again when it fails.
func play(t *testing.T, seed int64, dir string) *simulation {
	t.Helper()
	s := newSimulation(t, seed, dir)
	if err := s.run(); err != nil {
		t.Errorf("seed %d: %v\nonce more: SIM_SEED=%d go test -run TestTwoManagersOnOneHome ./cmd/internal/lifecycle\n%s",
			seed, err, seed, s.trace())
	}
	return s
}

func (s *simulation) trace() string { return strings.Join(s.told, "\n") }
