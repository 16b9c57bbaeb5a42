package docker

import (
	"context"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// ResolveImage finds an image by name, id, archive or folder, and pins it by its id.
func (b *Backend) ResolveImage(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (backends.Image, error) {
	if err := b.connect(ctx); err != nil {
		return backends.Image{}, err
	}
	b.foresee(ctx)
	if backends.IsImagePath(ref) {
		return b.loadPath(ctx, ref, say)
	}
	r, err := imageref.Parse(ref)
	if err != nil {
		return backends.Image{}, err
	}
	if pull != backends.PullAlways || r.Named == nil {
		img, err := b.localImage(ctx, r)
		if err == nil || !cerrdefs.IsNotFound(err) {
			return img, b.fail(ctx, "image "+ref, err)
		}
		if pull == backends.PullNever || r.Named == nil {
			return img, fmt.Errorf("image %s: %w: the engine does not have it", ref, backends.ErrImageNotFound)
		}
	}
	if err := b.pull(ctx, r.Named, say); err != nil {
		return backends.Image{}, err
	}
	img, err := b.localImage(ctx, r)
	return img, b.fail(ctx, "image "+ref, err)
}

// localImage asks for an image that the engine has.
func (b *Backend) localImage(ctx context.Context, r imageref.Ref) (backends.Image, error) {
	if r.Named == nil {
		return b.imageOf(ctx, r.ID, nil)
	}
	img, err := b.imageOf(ctx, r.Named.String(), r.Named)
	if err != nil && cerrdefs.IsNotFound(err) && r.Short != "" {
		byID, ierr := b.imageOf(ctx, imageref.IDPrefix+r.Short, nil)
		if ierr == nil && strings.HasPrefix(byID.ID, imageref.IDPrefix+r.Short) {
			return byID, nil
		}
	}
	return img, err
}

// imageOf inspects one image.
func (b *Backend) imageOf(ctx context.Context, key string, named reference.Named) (backends.Image, error) {
	found, err := b.api.ImageInspect(ctx, key)
	if err != nil {
		return backends.Image{}, err
	}
	img := backends.Image{ID: found.ID, Digest: repoDigest(found, named), Arch: found.Architecture}
	if !strings.HasPrefix(img.ID, imageref.IDPrefix) && imageref.IsHex(img.ID) {
		img.ID = imageref.IDPrefix + img.ID // Podman leaves out the kind
	}
	facts := factsOf(img.ID, found)
	b.image.Store(&facts)
	img.User, img.Runs = facts.user, len(facts.argv) > 0
	return img, nil
}

// repoDigest is name@sha256:… as a registry knows the image: of the
// repository that was asked for, else of any.
func repoDigest(found image.InspectResponse, named reference.Named) string {
	other := ""
	for _, s := range found.RepoDigests {
		d, err := reference.ParseNormalizedNamed(s)
		if err != nil {
			continue
		}
		switch {
		case named == nil:
			return s
		case d.Name() == named.Name():
			if want, ok := named.(reference.Digested); ok && d.String() != reference.TrimNamed(named).String()+"@"+want.Digest().String() {
				other = s
				continue
			}
			return s
		}
		other = orElse(other, s)
	}
	return other
}
