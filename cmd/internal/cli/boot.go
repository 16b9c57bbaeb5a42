package cli

import (
	"context"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// bootCode is what the throw-away instance ends with: no accident gives it.
const bootCode = 42

// boot makes a throw-away instance, runs it to its end and removes it,
// whatever happens. It never pulls an image: a check must not fill a disk.
func (d *doctorCmd) boot(ctx context.Context, c *call, be backends.Backend, name, homeID string) (status, detail, fix string) {
	image := d.Image
	if conf, err := c.config(); err != nil {
		return statusFail, err.Error(), ""
	} else if image == "" {
		image = conf.Image
	}
	if image == "" {
		return statusSkipped, "no image to boot: none is given and the config names none", "bot-bottle doctor --deep --image NAME"
	}
	img, err := be.ResolveImage(ctx, image, backends.PullNever, func(backends.Progress) {})
	if err != nil {
		return statusSkipped, fmt.Sprintf("image %s is not there: %v", image, err), "bot-bottle doctor --deep --image NAME"
	}
	nonce := c.env.Nonce()
	labels := backends.Labels{Home: orElse(homeID, nonce), Bottle: c.env.NewID(), Generation: 1, Nonce: nonce}
	spec := backends.InstanceSpec{
		Name: "bot-bottle-doctor-" + nonce[:8], Slug: "doctor", Labels: labels, Image: img, Network: "none", Pids: 64,
		Argv:     []string{"/bin/sh", "-c", fmt.Sprintf("exit %d", bootCode)},
		Resource: func(backends.Leftover) error { return nil },
	}
	began := c.env.Now()
	code, err := bootOnce(ctx, c, be, spec)
	switch {
	case err != nil:
		return statusFail, err.Error(), explain(err).Next
	case code == nil || *code != bootCode:
		return statusWarn, fmt.Sprintf("it ran, but ended with %s instead of %d: the image may have no /bin/sh", codeText(code), bootCode), ""
	}
	return statusOK, fmt.Sprintf("made, run and removed in %d ms", c.env.Now().Sub(began).Milliseconds()), ""
}

func bootOnce(ctx context.Context, c *call, be backends.Backend, spec backends.InstanceSpec) (code *int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.EngineTimeout))
	defer cancel()
	ref := backends.Ref{Name: spec.Name, Labels: spec.Labels}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(c.EngineTimeout))
		defer cancel()
		if rerr := be.Remove(clean, ref); rerr != nil && err == nil {
			err = fmt.Errorf("remove %s: %w", spec.Name, rerr)
		}
	}()
	inst, err := be.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	ref.ID = inst.ID
	if err := be.Start(ctx, ref); err != nil {
		return nil, err
	}
	o, err := be.Wait(ctx, ref)
	return o.ExitCode, err
}

func codeText(code *int) string {
	if code == nil {
		return "no known code"
	}
	return fmt.Sprint(*code)
}
