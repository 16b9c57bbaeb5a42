package smolmachines

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

const engineFile = "engine.json"

var idForm = form(`^[0-9a-f]{32}$`)

// engineID is who the smolvm of this data root is: a word of our own in the
// folder, so that another folder in its place, or an empty one, is told.
func (b *Backend) engineID(ctx context.Context) (string, error) {
	id, err := b.readEngine()
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	unlock, err := b.lock(ctx, ".engine")
	if err != nil {
		return "", err
	}
	defer unlock()
	if id, err = b.readEngine(); !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	var word [16]byte
	rand.Read(word[:]) // never fails, says its documentation
	id = hex.EncodeToString(word[:])
	return id, b.write(engineFile, []byte(`{"id":"`+id+`"}`+"\n"))
}

func (b *Backend) readEngine() (string, error) {
	text, err := os.ReadFile(b.own(engineFile))
	if err != nil {
		return "", err
	}
	var who struct{ ID string }
	if err := json.Unmarshal(text, &who); err != nil || !idForm().MatchString(who.ID) {
		return "", b.unavailable("who it is cannot be read from "+b.own(engineFile), "restore the file from a copy of the folder", err)
	}
	return who.ID, nil
}

// Probe says whether smolvm answers and what it can do. Whether a machine
// boots is not asked: that takes a machine.
func (b *Backend) Probe(ctx context.Context) (backends.Engine, error) {
	p, err := b.program(ctx)
	if err == nil {
		p, err = b.identify(ctx, p) // anew: doctor does not go by what was
	}
	if err != nil {
		return backends.Engine{}, err
	}
	id, err := b.engineID(ctx)
	if err != nil {
		return backends.Engine{}, fmt.Errorf("who is the engine: %w", err)
	}
	return backends.Engine{ID: id, Version: p.Version.String(), Name: "smolvm", Missing: b.gaps(p)}, nil
}

// gaps are what this smolvm lacks here.
func (b *Backend) gaps(p program) []backends.Gap {
	var gaps []backends.Gap
	if f, err := os.OpenFile(kvmPath, os.O_RDWR, 0); err == nil {
		f.Close()
	} else {
		why, hint := kvmTrouble(kvmPath, os.Geteuid())
		gaps = append(gaps, backends.Gap{ID: "smolmachines.kvm", Detail: why, Fix: hint})
	}
	if p.Version.before(blocksPrivate) {
		gaps = append(gaps, backends.Gap{ID: "smolmachines.network", Fix: fmt.Sprintf("upgrade smolvm to %s or newer", blocksPrivate),
			Detail: "it cannot keep a machine away from private networks, so --network full is refused"})
	}
	gaps = append(gaps, backends.Gap{ID: "smolmachines.pids", Fix: "bound what a machine can do by --memory and --cpus",
		Detail: "--pids holds only where a machine's kernel can count processes (pids in cgroups v2), and not against root inside; without it processes take nothing but what their machine has"})
	if open, is := b.openToOthers(); is {
		gaps = append(gaps, open)
	}
	if os.Geteuid() == 0 {
		gaps = append(gaps, backends.Gap{ID: "smolmachines.root", Fix: "run bot-bottle as an ordinary user",
			Detail: "the process of a machine runs as root: with a user of its own it could use no mount"})
	}
	return gaps
}

// Leftovers are none: a machine has nothing besides itself.
func (b *Backend) Leftovers(ctx context.Context, home string) ([]backends.Leftover, error) {
	_, err := b.program(ctx)
	return nil, err
}

// Release has nothing to release.
func (b *Backend) Release(ctx context.Context, home string, l backends.Leftover) error {
	if _, err := b.program(ctx); err != nil {
		return err
	}
	return nil
}

// ResolveImage finds an image in the store of our own, or brings it there.
func (b *Backend) ResolveImage(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (backends.Image, error) {
	if _, err := b.program(ctx); err != nil {
		return backends.Image{}, err
	}
	return b.images.Resolve(ctx, ref, pull, say)
}

// ImportImage takes an image that another engine hands over.
func (b *Backend) ImportImage(ctx context.Context, want backends.Image, r io.Reader) (backends.Image, error) {
	if _, err := b.program(ctx); err != nil {
		return backends.Image{}, err
	}
	return b.images.Import(ctx, want, r)
}
