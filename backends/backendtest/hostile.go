package backendtest

import (
	"errors"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var hostilePoints = []point{
	{"hostile/names_are_refused", nil, func(r *rig) {
		for _, name := range []string{"", ".", "..", "../x", "-rf", "a/b", "a b", "a\nb", "x\x1b[31m", "ä", "a%2fb", "a?b"} {
			s := r.spec(idle()...)
			s.Name = name
			_, err := r.b.Create(r.ctx(), s)
			r.is(err, backends.ErrBadRequest, "Create as "+name)
		}
	}},
	{"hostile/references_name_nothing", nil, func(r *rig) {
		for _, word := range []string{"..", "../x", "-rf", "a/b", "json", "x\x1b[31m", "a b", "a%2fb", "a?all=1", "prune"} {
			s := r.spec()
			ref := backends.Ref{Name: word, ID: word, Labels: s.Labels}
			o, err := r.b.Inspect(r.ctx(), ref)
			if err == nil && o.Status != backends.StatusGone || err != nil && !errors.Is(err, backends.ErrBadRequest) {
				r.Errorf("Inspect of %q: %s, %v", word, o.Status, err)
			}
			if err := r.b.Remove(r.ctx(), ref); err != nil && !errors.Is(err, backends.ErrBadRequest) {
				r.Errorf("Remove of %q: %v", word, err)
			}
			if err := r.b.Start(r.ctx(), ref, nil); !errors.Is(err, backends.ErrNotFound) && !errors.Is(err, backends.ErrBadRequest) {
				r.Errorf("Start of %q: %v", word, err)
			}
		}
	}},
	{"hostile/an_empty_reference_names_nothing", nil, func(r *rig) {
		r.create(r.spec(idle()...))
		o, err := r.b.Inspect(r.ctx(), backends.Ref{})
		if err == nil && o.Status != backends.StatusGone || err != nil && !errors.Is(err, backends.ErrBadRequest) {
			r.Errorf("Inspect of nothing: %s %q, %v", o.Status, o.Name, err)
		}
	}},
	{"hostile/a_prefix_of_an_id_is_not_the_id", need(IDs), func(r *rig) {
		ref := r.create(r.spec(idle()...))
		cut := ref
		cut.ID = ref.ID[:8]
		if o := r.inspect(cut); o.Status != backends.StatusReplaced {
			r.Errorf("the beginning of an id is taken for it: %s", o.Status)
		}
		cut.Name = "bot-bottle-bt-nobody"
		if o := r.inspect(cut); o.Status != backends.StatusGone && o.Status != backends.StatusReplaced {
			r.Errorf("the beginning of an id is taken for it: %s", o.Status)
		}
		r.must(r.b.Remove(r.ctx(), cut), "Remove")
		r.status(ref, backends.StatusCreated)
	}},
}
