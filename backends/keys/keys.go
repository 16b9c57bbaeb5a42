// Package keys knows the keys that let go of an attachment.
package keys

import (
	"bytes"
	"fmt"
	"io"

	"github.com/moby/term"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// Default are the usual engines' own.
const Default = "ctrl-p,ctrl-q"

// Parse reads keys as docker writes them, "ctrl-p,ctrl-q"; "" are the default
// ones. What makes no sense is backends.ErrBadRequest.
func Parse(spec string) ([]byte, error) {
	if spec == "" {
		spec = Default
	}
	keys, err := term.ToBytes(spec)
	if err != nil {
		return nil, fmt.Errorf("detach keys %q: %w: %w", spec, backends.ErrBadRequest, err)
	}
	return keys, nil
}

// Sequence notices the keys among what is typed and holds them back. No keys,
// or nil, are never typed. All but Typed is for one goroutine only.
type Sequence struct {
	keys []byte
	held []byte        // what was typed of them so far
	gone int           // how much of that was let go, see Release
	done chan struct{} // closed when all of them were
}

// New waits for these keys, one after the other.
func New(keys []byte) *Sequence { return &Sequence{keys: keys, done: make(chan struct{})} }

// Pass returns what of p is for the process now: what may become the keys
// waits for the next one, and what follows them is nobody's.
func (k *Sequence) Pass(p []byte) (out []byte) {
	if k == nil || len(k.keys) == 0 {
		return p
	}
	for _, b := range p {
		if k.IsTyped() {
			break
		}
		k.held = append(k.held, b)
		for !bytes.HasPrefix(k.keys, k.held) {
			if k.gone > 0 {
				k.gone--
			} else {
				out = append(out, k.held[0])
			}
			k.held = k.held[1:]
		}
		if len(k.held) == len(k.keys) {
			close(k.done)
		}
	}
	return out
}

// Release returns what is held back, which nobody types any more of for now, or
// ever. The keys are noticed all the same when the others come late.
func (k *Sequence) Release() []byte {
	if k == nil || k.IsTyped() {
		return nil
	}
	out := k.held[k.gone:]
	k.gone = len(k.held)
	return out
}

// Holds says whether something is held back.
func (k *Sequence) Holds() bool { return k != nil && !k.IsTyped() && len(k.held) > k.gone }

// IsTyped says whether all of them were.
func (k *Sequence) IsTyped() bool {
	return k != nil && len(k.keys) > 0 && len(k.held) == len(k.keys)
}

// Typed is closed when all of them were typed.
func (k *Sequence) Typed() <-chan struct{} {
	if k == nil {
		return nil
	}
	return k.done
}

// Watch looks for the keys in what the user types and drops the rest.
func (k *Sequence) Watch(in io.Reader) {
	if k == nil || in == nil {
		return
	}
	buf := make([]byte, 256)
	for {
		n, err := in.Read(buf)
		k.Pass(buf[:n])
		if err != nil || k.IsTyped() {
			return
		}
	}
}
