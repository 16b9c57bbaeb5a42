package backendtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// point is one sentence of the contract as a test.
type point struct {
	name  string // group/what_holds
	needs []Capability
	test  func(*rig)
}

// need lists the capabilities of a point.
func need(cs ...Capability) []Capability { return cs }

// points is the whole contract, in the order in which it is told.
func points() []point {
	return slices.Concat(probePoints, imagePoints, createPoints, specPoints, startPoints, stopPoints,
		removePoints, inspectPoints, findPoints, listPoints, execPoints, attachPoints, sessionPoints,
		waitPoints, logPoints, copyPoints, leftoverPoints, hostilePoints, cancelPoints, togetherPoints, deadPoints)
}

// Points lists the names of the whole contract, as group/what_holds.
func Points() []string {
	var names []string
	for _, p := range points() {
		names = append(names, p.name)
	}
	return names
}

// Run holds a backend to the contract.
func Run(t *testing.T, h Harness) {
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	if h.Prompt == 0 {
		h.Prompt = 5 * time.Second
	}
	s := &suite{h: h, home: "home-" + token()}
	b := h.Open(t)
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), h.Patience)
	defer cancel()
	img, err := b.ResolveImage(ctx, h.Image, backends.PullNever, func(backends.Progress) {})
	if err != nil {
		t.Fatalf("the suite's image %q: %v", h.Image, err)
	}
	s.image = img
	defer s.cleanUp(t, b)

	all := chosen(t, h.Only)
	for len(all) > 0 {
		group, _, _ := strings.Cut(all[0].name, "/")
		n := slices.IndexFunc(all, func(p point) bool { return !strings.HasPrefix(p.name, group+"/") })
		if n < 0 {
			n = len(all)
		}
		mine := all[:n]
		all = all[n:]
		t.Run(group, func(t *testing.T) { s.runGroup(t, group, mine) })
	}
	t.Logf("%d conformance points of %d: %d held, %d skipped", len(chosen(t, h.Only)), len(points()), s.held.Load(), s.skipped.Load())
}

// chosen are the points that one of the patterns matches. A pattern without
// any is a mistake.
func chosen(t *testing.T, only []string) []point {
	t.Helper()
	all := points()
	if len(only) == 0 {
		return all
	}
	used := map[string]bool{}
	all = slices.DeleteFunc(all, func(p point) bool {
		return !slices.ContainsFunc(only, func(pattern string) bool {
			ok, err := path.Match(pattern, p.name)
			if err != nil {
				t.Fatalf("the points %q: %v", pattern, err)
			}
			used[pattern] = used[pattern] || ok
			return ok
		})
	})
	for _, pattern := range only {
		if !used[pattern] {
			t.Errorf("no point of the contract is called %q", pattern)
		}
	}
	return all
}

// suite is one run over one engine.
type suite struct {
	h             Harness
	home          string
	image         backends.Image
	held, skipped atomic.Int32

	shareOnce sync.Once
	share     backends.Ref
	shareErr  error
}

func (s *suite) runGroup(t *testing.T, group string, ps []point) {
	for _, p := range ps {
		t.Run(strings.TrimPrefix(p.name, group+"/"), func(t *testing.T) {
			if !s.h.Serial {
				t.Parallel()
			}
			t.Cleanup(func() {
				switch {
				case t.Skipped():
					s.skipped.Add(1)
				case !t.Failed():
					s.held.Add(1)
				}
			})
			for _, c := range p.needs {
				if why, without := s.h.Without[c]; without {
					t.Skipf("this backend is without %s: %s", c, why)
				}
			}
			r := &rig{T: t, suite: s, h: s.h}
			r.b = r.open()
			p.test(r)
		})
	}
}

// cleanUp removes what the whole run shared and what the home owns besides.
func (s *suite) cleanUp(t *testing.T, b backends.Backend) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), s.h.Patience)
	defer cancel()
	if s.share.Name != "" {
		s.h.Behind.Delete(t, s.share.Name)
	}
	left, err := b.Leftovers(ctx, s.home)
	if err != nil {
		t.Errorf("list what the suite left: %v", err)
	}
	for _, l := range left {
		if err := b.Release(ctx, s.home, l); err != nil {
			t.Errorf("release %s %s: %v", l.Kind, l.Ref, err)
		}
	}
}

// token is a random word, so that runs side by side on one engine keep apart.
func token() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
