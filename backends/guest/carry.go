package guest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

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
