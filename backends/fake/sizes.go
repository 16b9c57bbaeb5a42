package fake

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Sizes adds up the files below the root of each instance of the home.
func (b *backend) Sizes(ctx context.Context, home string) (out map[string]int64, err error) {
	out = map[string]int64{}
	err = b.around(ctx, "sizes", "", func() error {
		all, err := b.all()
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.Labels[backends.LabelHome] != home {
				continue
			}
			if out[r.ID], err = used(b.instance(r.ID, "root")); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// used is the size of all plain files below a folder. What goes meanwhile
// counts nothing.
func used(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		st, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			bytes += st.Size()
		}
		return err
	})
	return bytes, err
}
