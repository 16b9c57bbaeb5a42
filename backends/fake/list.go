package fake

import (
	"context"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

func (b *backend) Find(ctx context.Context, want backends.Labels, name string) (o backends.Observation, err error) {
	err = b.around(ctx, "find", name, func() error {
		o = backends.Observation{Name: name, Status: backends.StatusGone}
		r, err := b.named(name)
		if err == nil && r != nil && r.owner() == want {
			o, err = b.see(r)
		}
		return err
	})
	return o, err
}

func (b *backend) List(ctx context.Context, home string) (out []backends.Observation, err error) {
	err = b.around(ctx, "list", "", func() error {
		all, err := b.all()
		if err != nil {
			return err
		}
		for _, r := range all {
			if h, ours := r.Labels[backends.LabelHome]; !ours || home != "" && h != home {
				continue
			}
			o, err := b.see(r)
			if err != nil {
				return err
			}
			if o.Status != backends.StatusGone {
				out = append(out, o)
			}
		}
		return nil
	})
	return out, err
}

// InProject lists the instances that carry a compose project's label.
func (b *backend) InProject(ctx context.Context, project string) (out []backends.Observation, err error) {
	err = b.around(ctx, "in-project", "", func() error {
		all, err := b.all()
		if err != nil {
			return err
		}
		for _, r := range all {
			if name, has := r.Labels[backends.LabelProject]; !has || name != project {
				continue
			}
			o, err := b.see(r)
			if err != nil {
				return err
			}
			out = append(out, o)
		}
		return nil
	})
	return out, err
}
