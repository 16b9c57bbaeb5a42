package backendtest

import (
	"errors"
	"runtime"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var probePoints = []point{
	{"probe/answers", nil, func(r *rig) {
		e, err := r.b.Probe(r.ctx())
		r.must(err, "Probe")
		if e.Version == "" || e.Name == "" {
			r.Errorf("an engine without a version or a name: %+v", e)
		}
	}},
	{"probe/id_is_the_same_for_everyone", nil, func(r *rig) {
		one, err := r.b.Probe(r.ctx())
		r.must(err, "Probe")
		two, err := r.open().Probe(r.ctx())
		r.must(err, "Probe by another handle")
		if one.ID != two.ID {
			r.Errorf("one engine with two ids: %q and %q", one.ID, two.ID)
		}
	}},
	{"probe/gaps_say_what_to_do", nil, func(r *rig) {
		e, err := r.b.Probe(r.ctx())
		r.must(err, "Probe")
		for _, g := range e.Missing {
			if g.ID == "" || g.Detail == "" {
				r.Errorf("a gap without an id or a word: %+v", g)
			}
		}
	}},
}

// nowhere is an image that no engine and no registry has.
const nowhere = "bot-bottle.invalid/nobody/made-this:never"

var imagePoints = []point{
	{"image/is_pinned", nil, func(r *rig) {
		again, err := r.open().ResolveImage(r.ctx(), r.h.Image, backends.PullMissing, func(backends.Progress) {})
		r.must(err, "ResolveImage")
		if again.ID == "" || again.ID != r.image.ID {
			r.Errorf("the image was pinned as %q and then as %q", r.image.ID, again.ID)
		}
		if again.Arch != runtime.GOARCH {
			r.Errorf("an image for %q on %s", again.Arch, runtime.GOARCH)
		}
	}},
	{"image/the_pinned_id_names_it", nil, func(r *rig) {
		again, err := r.b.ResolveImage(r.ctx(), r.image.ID, backends.PullNever, func(backends.Progress) {})
		r.must(err, "ResolveImage by id")
		if again.ID != r.image.ID {
			r.Errorf("%q by its id is %q", r.image.ID, again.ID)
		}
	}},
	{"image/missing_is_not_found", nil, func(r *rig) {
		_, err := r.b.ResolveImage(r.ctx(), nowhere, backends.PullNever, func(backends.Progress) {})
		r.is(err, backends.ErrImageNotFound, "ResolveImage of nothing")
	}},
	{"image/hostile_references_are_refused", nil, func(r *rig) {
		for _, ref := range []string{"", "-rf", "../x", "UPPER/Case:x:y", "a b", "x\x1b[31m", strings.Repeat("x", 300)} {
			_, err := r.b.ResolveImage(r.ctx(), ref, backends.PullNever, func(backends.Progress) {})
			if !errors.Is(err, backends.ErrImageNotFound) && !errors.Is(err, backends.ErrBadRequest) {
				r.Errorf("ResolveImage(%q): %v, want not found or a refusal", ref, err)
			}
		}
	}},
	{"image/says_whether_it_runs_by_itself", nil, func(r *rig) {
		if r.h.NoEntry == "" {
			r.Skip("the harness has no image without a command")
		}
		img, err := r.b.ResolveImage(r.ctx(), r.h.NoEntry, backends.PullNever, func(backends.Progress) {})
		r.must(err, "ResolveImage")
		if img.Runs {
			r.Error("an image without ENTRYPOINT and CMD is said to run by itself")
		}
	}},
	{"image/archive_is_loaded", nil, func(r *rig) {
		if r.h.Archive == "" {
			r.Skip("the harness has no image archive")
		}
		steps := 0
		img, err := r.b.ResolveImage(r.ctx(), r.h.Archive, backends.PullNever, func(p backends.Progress) {
			if p.Step == "" {
				r.Errorf("a step without a name: %+v", p)
			}
			steps++
		})
		r.must(err, "ResolveImage of an archive")
		if steps == 0 {
			r.Error("an archive was loaded without a word")
		}
		again, err := r.b.ResolveImage(r.ctx(), img.ID, backends.PullNever, func(backends.Progress) {})
		r.must(err, "ResolveImage of what was loaded")
		if again.ID != img.ID {
			r.Errorf("%q by its id is %q", img.ID, again.ID)
		}
	}},
}
