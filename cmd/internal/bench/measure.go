package main

import (
	"fmt"
	"slices"
	"time"
)

// side is one of the things compared. run does it once and says how long the
// part that counts took.
type side struct {
	name string
	run  func() (time.Duration, error)
}

// interleave runs every side in turn, again and again, and returns each one's
// median: whatever the machine does meanwhile, it does to all of them. The
// first round warms up and does not count; the order turns from round to
// round, so that none always runs in another's wake.
func interleave(rounds int, sides ...side) ([]time.Duration, error) {
	took := make([][]time.Duration, len(sides))
	for round := range rounds + 1 {
		for i := range sides {
			i := (i + round) % len(sides)
			d, err := sides[i].run()
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", sides[i].name, round, err)
			}
			if round > 0 {
				took[i] = append(took[i], d)
			}
		}
	}
	medians := make([]time.Duration, len(sides))
	for i, t := range took {
		medians[i] = median(t)
	}
	return medians, nil
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// timed makes a side out of a function of which all counts.
func timed(f func() error) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		start := time.Now()
		err := f()
		return time.Since(start), err
	}
}
