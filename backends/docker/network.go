package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	dnetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// What a spec may say of the network.
const (
	networkNone = "none"
	networkFull = "full"
)

// Kinds of leftovers.
const (
	kindNetwork = "network"
	kindVolume  = "volume"
)

// bridge is the network of one home's bottles.
type bridge struct {
	name string // in the engine
	link string // of the bridge on the engine's host
}

// bridgeOf names a home's network. Home ids may be any text, so it is hashed.
func bridgeOf(home string) bridge {
	sum := sha256.Sum256([]byte(home))
	id := hex.EncodeToString(sum[:6])
	return bridge{name: "bot-bottle-" + id, link: "bb-" + id} // a link's name has 15 bytes at most
}

// network translates a container's network back. Docker says by its mode
// which one it has, and Podman only by what it is connected to.
func network(mode, home string, connected map[string]*dnetwork.EndpointSettings) string {
	name := bridgeOf(home).name
	if _, there := connected[name]; there || mode == name {
		return networkFull
	}
	return mode
}

// raceTime bounds the wait for a network or container that somebody else is
// making: the engine refuses a second one before it shows the first.
const raceTime = 10 * time.Second

// ensureNetwork makes the home's network if it is not there.
//
// Names of networks are not unique in an engine before Docker 25: of two made
// at once both can succeed, and the name is ambiguous ever after. The link's
// name is unique, since the driver checks it under a lock. So it is given,
// and who comes second uses what the first one made.
func (b *Backend) ensureNetwork(ctx context.Context, home string, announce func(backends.Leftover) error) error {
	br := bridgeOf(home)
	op := "network " + br.name
	there, err := b.hasNetwork(ctx, br, home)
	if there || err != nil {
		return err
	}
	if err := announce(backends.Leftover{Kind: kindNetwork, Ref: br.name}); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	_, err = b.api.NetworkCreate(ctx, br.name, dnetwork.CreateOptions{
		Driver: "bridge",
		Labels: map[string]string{backends.LabelHome: home},
		Options: map[string]string{
			"com.docker.network.bridge.name":       br.link,
			"com.docker.network.bridge.enable_icc": "false",
		},
	})
	if err == nil {
		return nil
	}
	refusal := b.refused(ctx, op, err)
	for end := time.Now().Add(raceTime); ; {
		if there, err := b.hasNetwork(ctx, br, home); there || err != nil {
			return err
		}
		if !cerrdefs.IsConflict(err) && !cerrdefs.IsPermissionDenied(err) || time.Now().After(end) {
			return refusal
		}
		if !pause(ctx, 50*time.Millisecond) {
			return b.fail(ctx, op, ctx.Err())
		}
	}
}

// reconnect makes the home's network again as it was and connects a stopped
// container to it. While its bottles are stopped a network falls to anybody's
// `docker network prune`, and a container remembers the id of the one that is
// gone.
func (b *Backend) reconnect(ctx context.Context, home, id string) error {
	if err := b.ensureNetwork(ctx, home, func(backends.Leftover) error { return nil }); err != nil {
		return err
	}
	name := bridgeOf(home).name
	op := "network " + name
	if err := b.api.NetworkDisconnect(ctx, name, id, true); err != nil {
		return b.fail(ctx, op, err)
	}
	return b.fail(ctx, op, b.api.NetworkConnect(ctx, name, id, nil))
}

// hasNetwork says whether the home's network is there. One of that name that
// is not the home's is [backends.ErrNotOurs].
func (b *Backend) hasNetwork(ctx context.Context, br bridge, home string) (bool, error) {
	n, err := b.api.NetworkInspect(ctx, br.name, dnetwork.InspectOptions{})
	switch {
	case cerrdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, b.fail(ctx, "network "+br.name, err)
	case n.Labels[backends.LabelHome] != home:
		return false, fmt.Errorf("network %s: %w", br.name, backends.ErrNotOurs)
	}
	return true, nil
}

// Leftovers lists the home's networks and volumes, and images of its checks.
func (b *Backend) Leftovers(ctx context.Context, home string) ([]backends.Leftover, error) {
	const op = "list networks and volumes"
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	by := filters.NewArgs(label(backends.LabelHome, home))
	networks, err := b.api.NetworkList(ctx, dnetwork.ListOptions{Filters: by})
	if err != nil {
		return nil, b.fail(ctx, op, err)
	}
	volumes, err := b.api.VolumeList(ctx, volume.ListOptions{Filters: by})
	if err != nil {
		return nil, b.fail(ctx, op, err)
	}
	var out []backends.Leftover
	for _, n := range networks {
		out = append(out, backends.Leftover{Kind: kindNetwork, Ref: n.Name})
	}
	for _, v := range volumes.Volumes {
		if v != nil {
			out = append(out, backends.Leftover{Kind: kindVolume, Ref: v.Name})
		}
	}
	images, err := b.checkImages(ctx, home)
	return append(out, images...), err
}

// Release removes a network, a volume or a check's image of the home that no container uses,
// stopped ones included: the engine itself only counts those that run.
func (b *Backend) Release(ctx context.Context, home string, l backends.Leftover) error {
	op := "release " + l.Kind + " " + l.Ref
	if !isName(l.Ref) {
		return fmt.Errorf("%s: that is no name: %w", op, backends.ErrBadRequest)
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	if l.Kind == backends.LeftoverImage {
		return b.releaseImage(ctx, op, home, l.Ref)
	}
	var id string
	var owner map[string]string
	var err error
	switch l.Kind {
	case kindNetwork:
		var n dnetwork.Inspect
		n, err = b.api.NetworkInspect(ctx, l.Ref, dnetwork.InspectOptions{})
		id, owner = n.ID, n.Labels
	case kindVolume:
		var v volume.Volume
		v, err = b.api.VolumeInspect(ctx, l.Ref)
		id, owner = v.Name, v.Labels
	default:
		return fmt.Errorf("%s: no such kind of leftover: %w", op, backends.ErrBadRequest)
	}
	switch {
	case cerrdefs.IsNotFound(err):
		return nil
	case err != nil:
		return b.fail(ctx, op, err)
	case home == "" || owner[backends.LabelHome] != home:
		return fmt.Errorf("%s: %w", op, backends.ErrNotOurs)
	}
	users, err := b.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg(l.Kind, id))})
	if err != nil {
		return b.fail(ctx, op, err)
	}
	if len(users) > 0 {
		return fmt.Errorf("%s: %s and %d more: %w", op, ownName(users[0].Names), len(users)-1, backends.ErrInUse)
	}
	if l.Kind == kindNetwork {
		err = b.api.NetworkRemove(ctx, id)
	} else {
		err = b.api.VolumeRemove(ctx, id, false)
	}
	switch {
	case cerrdefs.IsNotFound(err):
		return nil
	case cerrdefs.IsConflict(err) || cerrdefs.IsPermissionDenied(err): // somebody began to use it just now
		return fmt.Errorf("%s: %w: %w", op, backends.ErrInUse, err)
	}
	return b.fail(ctx, op, err)
}

// pause waits; false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
