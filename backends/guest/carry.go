package guest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// ErrChatter says that what came is no word of the guest program: an engine's
// own, about a program that it could not run, or another version's.
var ErrChatter = wire.ErrFrame

// Program is the guest program for an architecture, in Go's words, for who
// carries it into an instance where no folder of this host can be mounted. A
// bot-bottle without built guest programs is its own, as with [Install].
func Program(arch string) ([]byte, error) {
	p, err := program(arch)
	if err != nil {
		return nil, fmt.Errorf("unpack the guest program: %w", err)
	}
	return p, nil
}

// Digest is the sha256 and the size of what [Program] returns. Of a built one
// they are known without unpacking it.
func Digest(arch string) (sum string, size int64, err error) {
	if sum, size, ok := built(arch); ok {
		return hex.EncodeToString(sum[:]), size, nil
	}
	p, err := Program(arch)
	if err != nil {
		return "", 0, err
	}
	of := sha256.Sum256(p)
	return hex.EncodeToString(of[:]), int64(len(p)), nil
}
