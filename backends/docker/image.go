package docker

import (
	"context"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// imageRef is what the word for an image means: a name, the id of a content,
// or the beginning of an id.
type imageRef struct {
	named reference.Named // with its tag or digest; nil: id is all there is
	id    string          // sha256:…, in full
	short string          // the beginning of an id, when it may be one
}

const (
	idPrefix = "sha256:"
	idDigits = 64
	// shortDigits is how much of an id the docker command shows.
	shortDigits = 12
)

// parseImage reads an image's name as the docker command does.
func parseImage(word string) (imageRef, error) {
	if hex := strings.TrimPrefix(word, idPrefix); len(hex) == idDigits && isHex(hex) {
		return imageRef{id: idPrefix + hex}, nil
	}
	named, err := reference.ParseNormalizedNamed(word)
	if err != nil {
		return imageRef{}, fmt.Errorf("image %.100q: %w: it is not the name of an image: %w", word, backends.ErrImageNotFound, err)
	}
	if d, ok := named.(reference.Digested); ok {
		// a tag beside a digest says nothing, and not every engine takes both
		if named, err = reference.WithDigest(reference.TrimNamed(named), d.Digest()); err != nil {
			return imageRef{}, fmt.Errorf("image %.100q: %w: %w", word, backends.ErrImageNotFound, err)
		}
	}
	r := imageRef{named: reference.TagNameOnly(named)}
	if len(word) >= shortDigits && isHex(word) {
		r.short = word
	}
	return r, nil
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// ResolveImage finds an image by name, id or archive, and pins it by its id.
func (b *Backend) ResolveImage(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (backends.Image, error) {
	if err := b.connect(ctx); err != nil {
		return backends.Image{}, err
	}
	if isArchive(ref) {
		return b.loadArchive(ctx, ref, say)
	}
	r, err := parseImage(ref)
	if err != nil {
		return backends.Image{}, err
	}
	if pull != backends.PullAlways || r.named == nil {
		img, err := b.localImage(ctx, r)
		if err == nil || !cerrdefs.IsNotFound(err) {
			return img, b.fail(ctx, "image "+ref, err)
		}
		if pull == backends.PullNever || r.named == nil {
			return img, fmt.Errorf("image %s: %w: the engine does not have it", ref, backends.ErrImageNotFound)
		}
	}
	if err := b.pull(ctx, r.named, say); err != nil {
		return backends.Image{}, err
	}
	img, err := b.localImage(ctx, r)
	return img, b.fail(ctx, "image "+ref, err)
}

// localImage asks for an image that the engine has.
func (b *Backend) localImage(ctx context.Context, r imageRef) (backends.Image, error) {
	if r.named == nil {
		return b.imageOf(ctx, r.id, nil)
	}
	img, err := b.imageOf(ctx, r.named.String(), r.named)
	if err != nil && cerrdefs.IsNotFound(err) && r.short != "" {
		byID, ierr := b.imageOf(ctx, idPrefix+r.short, nil)
		if ierr == nil && strings.HasPrefix(byID.ID, idPrefix+r.short) {
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
	if !strings.HasPrefix(img.ID, idPrefix) && isHex(img.ID) {
		img.ID = idPrefix + img.ID // Podman leaves out the kind
	}
	if c := found.Config; c != nil {
		img.User = c.User
		img.Runs = len(c.Entrypoint) > 0 || len(c.Cmd) > 0
	}
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
