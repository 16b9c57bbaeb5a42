package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// bootCode is what the throw-away instance of an image ends with: no accident
// gives it.
const bootCode = 42

// bootLimit bounds one throw-away instance, or a longer --engine-timeout
// does. A virtual machine without hardware help takes more than a minute.
const bootLimit = 3 * time.Minute

// deep is one check of one backend by doing.
type deep struct {
	c      *call
	be     backends.Backend
	name   string // of the instance
	labels backends.Labels
}

// boot makes a throw-away instance, runs it to its end and removes it,
// whatever happens: the backend's own smallest one, or one of the image that
// is named. It never pulls an image: a check must not fill a disk. What an
// earlier check left behind goes first.
func (d *doctorCmd) boot(ctx context.Context, c *call, be backends.Backend, backend, homeID string) (status, detail, fix string) {
	limit := min(max(bootLimit, time.Duration(c.EngineTimeout)), backends.ThrowawayLimit-time.Minute)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	nonce := c.env.Nonce()
	x := deep{c: c, be: be, name: lifecycle.InstancePrefix + "doctor-" + nonce[:8], labels: backends.ThrowawayLabels(homeID, nonce, c.env.Now())}
	say := func(p backends.Progress) {
		c.progress.notice(lifecycle.Notice{Level: lifecycle.Step, Step: backend, Text: orElse(p.Detail, p.Step)})
	}
	began := c.env.Now()
	swept, err := x.sweep(ctx, say)
	if err == nil {
		err = x.run(ctx, d.Image, say)
	}
	var none *noImage
	switch {
	case errors.As(err, &none):
		return statusSkipped, none.Error(), "bot-bottle doctor --deep --image NAME"
	case err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return statusFail, fmt.Sprintf("it took more than %s: %v", limit, err), explain(err).Next
	case err != nil:
		return statusFail, err.Error(), explain(err).Next
	}
	detail = fmt.Sprintf("made, run and removed in %d ms", c.env.Now().Sub(began).Milliseconds())
	if swept > 0 {
		detail += fmt.Sprintf("; removed %d that a check left behind", swept)
	}
	return statusOK, detail, ""
}

// sweep removes what checks of this home left that were killed.
func (x deep) sweep(ctx context.Context, say func(backends.Progress)) (n int, err error) {
	all, err := x.be.List(ctx, x.labels.Home)
	if err != nil {
		return 0, err
	}
	for _, o := range all {
		if _, left := backends.IsThrowaway(o.Labels, x.c.env.Now()); !left {
			continue
		}
		say(backends.Progress{Step: "remove", Detail: "removing " + o.Name + ", which an earlier check left"})
		if err := x.be.Remove(ctx, backends.Ref{Name: o.Name, ID: o.ID, Labels: o.Labels}); err != nil {
			return n, fmt.Errorf("remove %s, which an earlier check left: %w", o.Name, err)
		}
		n++
	}
	return n, nil
}

// noImage says that there is nothing to boot.
type noImage struct{ why string }

func (n *noImage) Error() string { return n.why }

// run boots the backend's own smallest instance, unless an image is named.
func (x deep) run(ctx context.Context, image string, say func(backends.Progress)) error {
	why := "this backend has nothing of its own to boot"
	if p, ok := x.be.(backends.DeepProber); ok && image == "" {
		err := p.DeepProbe(ctx, x.name, x.labels, say)
		if !errors.Is(err, backends.ErrUnsupported) {
			return err
		}
		why = err.Error()
	}
	if image == "" {
		conf, err := x.c.config()
		if err != nil {
			return err
		}
		if image = conf.Image; image == "" {
			return &noImage{why + "; no image is given and the config names none"}
		}
	}
	img, err := x.be.ResolveImage(ctx, image, backends.PullNever, say)
	if errors.Is(err, backends.ErrImageNotFound) {
		return &noImage{fmt.Sprintf("image %s is not there: %v", image, err)}
	}
	if err != nil {
		return err
	}
	o, err := backends.RunThrowaway(ctx, x.be, backends.InstanceSpec{
		Name: x.name, Slug: backends.Throwaway, Labels: x.labels, Image: img, Network: "none", Pids: 64,
		Argv:     []string{"/bin/sh", "-c", fmt.Sprintf("exit %d", bootCode)},
		Resource: func(backends.Leftover) error { return nil },
	}, say)
	if err == nil && (o.ExitCode == nil || *o.ExitCode != bootCode) {
		err = fmt.Errorf("it ran, but ended with %s instead of %d: the image may have no /bin/sh", codeText(o.ExitCode), bootCode)
	}
	return err
}

func codeText(code *int) string {
	if code == nil {
		return "no known code"
	}
	return fmt.Sprint(*code)
}
