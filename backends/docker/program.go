package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// programVolume is the volume that holds a guest program, for all containers
// of a home that run that very program. It is filled once, and mounted
// read-only; a container that stops keeps it, whatever becomes of the program
// on the host.
type programVolume struct {
	name, home string
}

// kindGuest is what labels say of such a volume, see backends.LabelKind.
const kindGuest = "guest"

// volumeOf names a home's volume for the program with a sum.
func volumeOf(home, sum string) programVolume {
	return programVolume{name: volumePrefix(home) + sum[:12], home: home}
}

func volumePrefix(home string) string { return bridgeOf(home).name + "-" + kindGuest + "-" }

func (v programVolume) labels() map[string]string {
	return map[string]string{backends.LabelHome: v.home, backends.LabelKind: kindGuest}
}

// bind is the volume in a container, in the form that Podman reads, too. What
// the image has in that place never gets into the volume.
func (v programVolume) bind(how string) string {
	return v.name + ":" + programDir + ":" + how + ",nocopy"
}

// ensureProgram makes the volume with the program for an architecture if it is
// not there. One that is there is taken to be filled: a look costs as much as
// all the rest, and Start fills one that turns out not to be.
func (b *Backend) ensureProgram(ctx context.Context, s backends.InstanceSpec, arch string) (v programVolume, err error) {
	sum, _, err := guest.Digest(arch)
	if err != nil {
		return v, noProgram(err)
	}
	v = volumeOf(s.Labels.Home, sum)
	op := "volume " + v.name
	there, err := b.hasVolume(ctx, v)
	if there || err != nil {
		return v, err
	}
	if err := s.Resource(backends.Leftover{Kind: kindVolume, Ref: v.name}); err != nil {
		return v, fmt.Errorf("%s: %w", op, err)
	}
	_, err = b.api.VolumeCreate(ctx, volume.CreateOptions{Name: v.name, Labels: v.labels()})
	// Somebody else may have made it just now; Docker says yes to that, and
	// Podman no.
	switch there, seen := b.hasVolume(ctx, v); {
	case seen != nil:
		return v, seen
	case !there:
		return v, b.refused(ctx, op, orErr(err, errors.New("it was removed at once")))
	}
	return v, b.fill(ctx, v, s.Image.ID, arch)
}

func orErr(err, other error) error {
	if err == nil {
		return other
	}
	return err
}

// hasVolume says whether a volume is there. One of that name that is not the
// home's is [backends.ErrNotOurs].
func (b *Backend) hasVolume(ctx context.Context, v programVolume) (bool, error) {
	there, err := b.api.VolumeInspect(ctx, v.name)
	switch {
	case cerrdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, b.fail(ctx, "volume "+v.name, err)
	case there.Labels[backends.LabelHome] != v.home:
		return false, fmt.Errorf("volume %s: %w", v.name, backends.ErrNotOurs)
	}
	return true, nil
}

// fill puts the program into its volume, through a container that never runs.
// Who fills may be killed, and two may do so at once: the program is written
// under another name and linked to its own when it is whole, so there is never
// half of it, and a container that is started too soon finds none.
func (b *Backend) fill(ctx context.Context, v programVolume, image, arch string) (err error) {
	op := "fill volume " + v.name
	program, err := guest.Program(arch)
	if err != nil {
		return fmt.Errorf("%s: %w", op, noProgram(err))
	}
	nonce := strings.ToLower(rand.Text())
	through, err := b.api.ContainerCreate(ctx,
		&container.Config{Image: image, Entrypoint: []string{programPath}, User: rootUser, Labels: backends.ThrowawayLabels(v.home, nonce, time.Now()).Pairs("")},
		&container.HostConfig{NetworkMode: networkNone, Binds: []string{v.bind("rw")}}, nil, nil, "bot-bottle-"+kindGuest+"-"+nonce)
	if cerrdefs.IsNotFound(err) {
		return fmt.Errorf("%s: %w: %w", op, backends.ErrImageNotFound, err)
	}
	if err != nil {
		return b.refused(ctx, op, err)
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), raceTime)
		defer cancel()
		gone := b.api.ContainerRemove(clean, through.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if gone != nil && !cerrdefs.IsNotFound(gone) {
			err = errors.Join(err, b.fail(clean, "remove container "+through.ID[:12], gone))
		}
	}()
	packed, err := packProgram(program, ".new-"+nonce)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return b.refused(ctx, op, b.api.CopyToContainer(ctx, through.ID, programDir, packed, container.CopyToContainerOptions{}))
}

// packProgram packs a program that is written under one name and appears
// under its own when it is whole.
func packProgram(program []byte, as string) (*bytes.Buffer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: as, Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	if err == nil {
		err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: guest.ProgramName, Linkname: as, Mode: 0o755})
	}
	return &b, errors.Join(err, w.Close())
}

// refill fills the volume of a container that could not be started, if it has
// no whole program, and says whether it did. What it gets then is the program
// of now: any will do that speaks the container's protocol.
func (b *Backend) refill(ctx context.Context, c container.InspectResponse, h held) (bool, error) {
	v, ok := volumeIn(c)
	if !ok || h.session != guest.Session {
		return false, nil
	}
	f, err := b.engine(ctx)
	if err != nil {
		return false, err
	}
	img, err := b.imageFacts(ctx, c.Image)
	if err != nil {
		return false, err
	}
	arch := f.archFor(img)
	sum, size, err := guest.Digest(arch)
	if err != nil {
		return false, noProgram(err)
	}
	st, err := b.api.ContainerStatPath(ctx, c.ID, programPath)
	switch {
	case cerrdefs.IsNotFound(err):
	case err != nil:
		return false, b.fail(ctx, "look at "+programPath, err)
	case st.Size > 0 && (v != volumeOf(v.home, sum) || st.Size == size): // less is what a power cut leaves
		return false, nil
	}
	return true, b.fill(ctx, v, c.Image, arch)
}

// volumeIn is the volume that a container has its program in.
func volumeIn(c container.InspectResponse) (v programVolume, ok bool) {
	home := c.Config.Labels[backends.LabelHome]
	for _, m := range c.Mounts {
		if m.Type == mount.TypeVolume && m.Destination == programDir && strings.HasPrefix(m.Name, volumePrefix(home)) {
			return programVolume{m.Name, home}, true
		}
	}
	return v, false
}

// releaseOld removes the volume of a container that was removed, if it holds
// another program than the one of now: nothing will want it any more than the
// containers that have it. That of now stays for the next, until cleanup.
func (b *Backend) releaseOld(ctx context.Context, c container.InspectResponse) {
	v, ok := volumeIn(c)
	if !ok {
		return
	}
	for _, m := range machines {
		if sum, _, err := guest.Digest(m.arch); err == nil && v == volumeOf(v.home, sum) {
			return
		}
	}
	_ = b.api.VolumeRemove(ctx, v.name, false) // in use, most often: cleanup has it
}

// archFor is the architecture, in Go's words, of the program for an image: the
// image's own, and where there is none for that, or it does not say, that of
// the engine's machine, which runs in any image.
func (f *engineFacts) archFor(img imageFacts) string {
	if _, _, err := guest.Digest(img.arch); err == nil {
		return img.arch
	}
	for _, m := range machines {
		if m.uname == f.arch || m.arch == f.arch {
			return m.arch
		}
	}
	return orElse(img.arch, f.arch)
}

func noProgram(err error) error { return fmt.Errorf("%w: %w", backends.ErrUnsupported, err) }
