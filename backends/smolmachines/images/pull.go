package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/distribution/reference"
	godigest "github.com/opencontainers/go-digest"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
	"gitea.dideric.is/didericis/bot-bottle/backends/logins"
)

// The kinds of manifests, as Docker and OCI call them.
var (
	indexTypes = []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
	imageTypes = []string{"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)

// descriptor names a blob.
type descriptor struct {
	MediaType string
	Digest    string
	Size      int64
	Platform  *struct{ OS, Architecture, Variant string }
}

// manifest is an image's, or the list of those for several platforms.
type manifest struct {
	MediaType string
	Manifests []descriptor
	Config    descriptor
	Layers    []descriptor
}

// pull brings an image from its registry, with the login of the Docker config
// if there is one. There is no limit on all of it, only on silence.
func (s *Store) pull(ctx context.Context, name reference.Named, say func(backends.Progress)) (backends.Image, error) {
	op := "pull " + reference.FamiliarString(name)
	cfg, noLogin := logins.Read(logins.Dir(s.getenv))
	var login logins.Login
	if noLogin == nil {
		login, noLogin = cfg.For(ctx, reference.Domain(name))
	}
	if ctx.Err() != nil {
		return backends.Image{}, fmt.Errorf("%s: %w", op, ctx.Err())
	}
	if noLogin != nil {
		// many images need none; should this one, the reason is in the error
		say(backends.Progress{Step: "pull", Detail: "without a login: " + noLogin.Error()})
	}
	say(backends.Progress{Step: "pull", Detail: "pulling " + reference.FamiliarString(name)})
	pulling, end := context.WithCancel(ctx)
	defer end()
	var silent atomic.Bool
	timer := time.AfterFunc(s.idle, func() {
		silent.Store(true)
		end()
	})
	defer timer.Stop()
	p := &puller{remote: newRemote(name, login), name: name, say: say, moved: func() { timer.Reset(s.idle) }}
	defer p.close()
	img, err := s.pulled(pulling, p)
	switch {
	case err == nil:
		return img, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case silent.Load():
		return img, fmt.Errorf("%s: no progress for %s", op, s.idle)
	case noLogin != nil && errors.Is(err, backends.ErrImageDenied):
		err = fmt.Errorf("%w (and no login: %w)", err, noLogin)
	}
	return img, fmt.Errorf("%s: %w", op, err)
}

// pulled brings the image and remembers what its name means now.
func (s *Store) pulled(ctx context.Context, p *puller) (backends.Image, error) {
	m, digest, err := p.image(ctx)
	if err != nil {
		return backends.Image{}, err
	}
	known, err := reference.WithDigest(reference.TrimNamed(p.name), digest)
	if err != nil {
		return backends.Image{}, err
	}
	config, err := p.small(ctx, "blobs/"+m.Config.Digest, nil)
	if err != nil {
		return backends.Image{}, fmt.Errorf("configuration: %w", err)
	}
	if imagefile.Digest(config.text) != m.Config.Digest {
		return backends.Image{}, fmt.Errorf("configuration: %w: the registry sent another one", imagefile.ErrDamaged)
	}
	var layers []layerSource
	for i, l := range m.Layers {
		p.total += l.Size
		layers = append(layers, func(ctx context.Context) (io.ReadCloser, error) { return p.blob(ctx, i, l), nil })
	}
	tell := waits("pull", p.say)
	img, err := s.keep(ctx, config.text, layers, func() {
		p.moved() // there, it is hoped
		tell()
	})
	if err != nil {
		return img, err
	}
	img.Digest = reference.FamiliarString(known)
	for _, name := range []string{p.name.String(), known.String()} {
		if err := s.remember(named{Name: name, ID: img.ID, Digest: img.Digest}); err != nil {
			return img, err
		}
	}
	return img, nil
}

// puller is one pull.
type puller struct {
	*remote
	name        reference.Named
	say         func(backends.Progress)
	moved       func()
	done, total int64
}

// answered is a small answer of a registry.
type answered struct {
	text []byte
	kind string // its media type
}

// small fetches something that describes an image.
func (p *puller) small(ctx context.Context, what string, accept []string) (answered, error) {
	p.moved()
	answer, err := p.get(ctx, what, http.Header{"Accept": accept})
	if err != nil {
		return answered{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, imagefile.MaxMeta+1))
	if err == nil && len(text) > imagefile.MaxMeta {
		err = fmt.Errorf("it is longer than %d bytes", imagefile.MaxMeta)
	}
	return answered{text, answer.Header.Get("Content-Type")}, err
}

// image finds the manifest for this machine's platform, and the digest of
// what the name itself means.
func (p *puller) image(ctx context.Context) (m manifest, digest godigest.Digest, err error) {
	want := ""
	tag := "latest"
	switch n := p.name.(type) {
	case reference.Digested:
		want = n.Digest().String()
		tag = want
	case reference.Tagged:
		tag = n.Tag()
	}
	m, got, err := p.manifest(ctx, tag, want)
	if err != nil {
		return m, "", err
	}
	digest = godigest.Digest(got)
	if len(m.Manifests) > 0 {
		i := slices.IndexFunc(m.Manifests, fits)
		if i < 0 {
			return m, "", fmt.Errorf("%w: it is not there for linux/%s", backends.ErrImageNotFound, runtime.GOARCH)
		}
		if m, _, err = p.manifest(ctx, m.Manifests[i].Digest, m.Manifests[i].Digest); err != nil {
			return m, "", err
		}
	}
	if len(m.Manifests) > 0 || !imageref.IsID(m.Config.Digest) {
		return m, "", fmt.Errorf("%w: its manifest is of a kind that is not known here (%.100q)", backends.ErrBadRequest, m.MediaType)
	}
	for _, l := range m.Layers {
		if !imageref.IsID(l.Digest) || l.Size < 0 {
			return m, "", fmt.Errorf("%w: its manifest names a layer %.100q, which is no sha256 digest", backends.ErrBadRequest, l.Digest)
		}
	}
	return m, digest, nil
}

// fits says whether an entry of a list is for this machine.
func fits(d descriptor) bool {
	return imageref.IsID(d.Digest) && d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH
}

func (p *puller) manifest(ctx context.Context, tag, want string) (m manifest, digest string, err error) {
	got, err := p.small(ctx, "manifests/"+tag, slices.Concat(indexTypes, imageTypes))
	if err != nil {
		return m, "", fmt.Errorf("manifest: %w", err)
	}
	digest = imagefile.Digest(got.text)
	if want != "" && digest != want {
		return m, "", fmt.Errorf("manifest: %w: the registry sent another one", imagefile.ErrDamaged)
	}
	if err := json.Unmarshal(got.text, &m); err != nil {
		return m, "", fmt.Errorf("manifest: %w: it cannot be read: %w", backends.ErrBadRequest, err)
	}
	if m.MediaType == "" {
		m.MediaType = got.kind
	}
	return m, digest, nil
}
