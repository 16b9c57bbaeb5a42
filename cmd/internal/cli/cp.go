package cli

import (
	"context"
	"path/filepath"
	"strings"
)

// cpCmd is `cp`.
type cpCmd struct {
	Src string `arg:"" help:"PATH of the host, or BOTTLE:PATH."`
	Dst string `arg:"" help:"BOTTLE:PATH, or PATH of the host."`
}

// inside splits BOTTLE:PATH. A path of the host that has a colon is told
// apart by a slash before it, as in ./a:b.
func inside(s string) (bottle, path string, ok bool) {
	bottle, path, ok = strings.Cut(s, ":")
	if !ok || bottle == "" || strings.ContainsAny(bottle, "/.") {
		return "", s, false
	}
	return bottle, path, true
}

func (p *cpCmd) check() error {
	_, _, from := inside(p.Src)
	_, _, to := inside(p.Dst)
	if from == to {
		return usageError("cp: one side is BOTTLE:PATH, the other a path of the host; a host path with a colon is written ./a:b")
	}
	if p.Src == "" || p.Dst == "" {
		return usageError("cp: a path is empty")
	}
	return nil
}

func (p *cpCmd) run(ctx context.Context, c *call) error {
	word, guest, out := inside(p.Src)
	host := p.Dst
	if !out {
		word, guest, _ = inside(p.Dst)
		host = p.Src
	}
	b, err := c.bottle(ctx, word)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx, nil)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(host) {
		slash := strings.HasSuffix(host, "/")
		host = filepath.Join(c.env.Cwd, host)
		if slash {
			host += "/"
		}
	}
	if out {
		return m.CopyOut(ctx, b.ID, guest, host)
	}
	return m.CopyIn(ctx, b.ID, host, guest)
}
