package backends

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Throwaway is what instances that `doctor --deep` makes have for a bottle:
// no bottle has this id, so that what a killed check left is told from
// somebody's only copy.
const Throwaway = "doctor"

// ThrowawayLimit is how long a check may take: what is older was left behind.
const ThrowawayLimit = 10 * time.Minute

// DeepProber is the optional part of a backend that finds out by doing whether
// instances run, with nothing of the user's: no image, no registry.
type DeepProber interface {
	// DeepProbe makes the smallest instance that the engine can run, under
	// this name and with these labels ([ThrowawayLabels]), runs it to its end
	// and removes it with whatever else was made for it, also when ctx ends
	// or a step fails. say is told each step before it is taken: "create",
	// "start", "wait", "remove", and what else there is; never nil. nil means
	// that a guest ran and said so. Where the kind has nothing to run on this
	// engine it is [ErrUnsupported], with what would do in the text.
	DeepProbe(ctx context.Context, name string, l Labels, say func(Progress)) error
}

// ThrowawayLabels are the labels of an instance that a check makes now. home
// is the home's id, "" where there is none yet.
func ThrowawayLabels(home, nonce string, now time.Time) Labels {
	if home == "" {
		home = Throwaway
	}
	return Labels{Home: home, Bottle: Throwaway, Generation: 1, Nonce: strconv.FormatInt(now.Unix(), 10) + "-" + nonce}
}

// IsThrowaway says whether labels are those of a check's instance, and
// whether it was left behind: the check that made it cannot be under way.
// Labels that no check writes are no proof of that.
func IsThrowaway(l Labels, now time.Time) (is, left bool) {
	if l.Bottle != Throwaway {
		return false, false
	}
	seconds, _, _ := strings.Cut(l.Nonce, "-")
	made, err := strconv.ParseInt(seconds, 10, 64)
	age := now.Sub(time.Unix(made, 0))
	return true, err == nil && (age > ThrowawayLimit || age < -ThrowawayLimit)
}

// cleaning bounds the removal of a throw-away instance when the time of the
// check itself is over.
const cleaning = 30 * time.Second

// RunThrowaway makes the instance of a spec, runs it to its end and removes
// it, whatever happens in between. It returns how the main process ended. It
// is what a DeepProbe is made of where an instance is made from an image.
func RunThrowaway(ctx context.Context, b Backend, spec InstanceSpec, say func(Progress)) (o Observation, err error) {
	ref := Ref{Name: spec.Name, Labels: spec.Labels}
	defer func() {
		say(Progress{Step: "remove", Detail: "removing " + spec.Name})
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
		defer cancel()
		if gone := b.Remove(clean, ref); gone != nil {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", spec.Name, gone))
		}
	}()
	say(Progress{Step: "create", Detail: "making " + spec.Name})
	made, err := b.Create(ctx, spec)
	if err != nil {
		return o, fmt.Errorf("create: %w", err)
	}
	ref.ID = made.ID
	say(Progress{Step: "start", Detail: "starting " + spec.Name})
	if err := b.Start(ctx, ref, spec.Env); err != nil {
		return o, fmt.Errorf("start: %w", err)
	}
	say(Progress{Step: "wait", Detail: "waiting for its end"})
	if o, err = b.Wait(ctx, ref); err != nil {
		return o, fmt.Errorf("wait: %w", err)
	}
	return o, nil
}
