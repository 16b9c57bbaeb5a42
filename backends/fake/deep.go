package fake

import (
	"context"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

var _ backends.DeepProber = (*backend)(nil)

// checkCode is what the instance of a check ends with.
const checkCode = 42

// DeepProbe runs a shell of the engine's own.
func (b *backend) DeepProbe(ctx context.Context, name string, l backends.Labels, say func(backends.Progress)) error {
	return b.around(ctx, "deep", name, func() error {
		shell := builtin[0]
		o, err := backends.RunThrowaway(ctx, b, backends.InstanceSpec{
			Name: name, Slug: backends.Throwaway, Labels: l, Image: backends.Image{ID: shell.ID}, Network: "none",
			Argv:     []string{"sh", "-c", fmt.Sprintf("exit %d", checkCode)},
			Resource: func(backends.Leftover) error { return nil },
		}, say)
		if err == nil && (o.ExitCode == nil || *o.ExitCode != checkCode) {
			err = fmt.Errorf("the instance did not end with %d: it is %s", checkCode, o.Status)
		}
		return err
	})
}
