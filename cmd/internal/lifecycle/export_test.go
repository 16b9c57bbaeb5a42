package lifecycle

import (
	"context"
	"io"
	"os"
	"time"
)

// What the external tests reach besides the exported names.
var (
	SecretIn   = secretIn
	MadeSlug   = madeSlug
	ParsePort  = parsePort
	Verdict    = verdict
	OnlyCopy   = onlyCopy
	MakeClone  = makeClone
	GitMounts  = gitMounts
	ReadRefs   = readRefs
	Pack       = pack
	Quote      = quote
	InUseDrift = drift
	ProgressOf = progress
)

func (m *Manager) GatherEnv(cwd string, vars, files, plain []string) (any, []string, error) {
	return m.gatherEnv(cwd, vars, files, plain)
}

func (m *Manager) CheckRisk(src, endpoint string) error { return m.checkRisk(src, endpoint) }

// Hold takes a bottle as every verb does and says how to let go of it.
func (m *Manager) Hold(ctx context.Context, id string) (release func(), err error) {
	h, err := m.own(ctx, id, false)
	if err != nil {
		return nil, err
	}
	return h.release, nil
}

// SetLockPatience makes every verb wait less for a lock.
func SetLockPatience(d time.Duration) { lockPatience = d }

// Unpack writes a tar stream below dst under a name.
func Unpack(dst, name string, tar io.Reader) error {
	return Receive(context.Background(), dst, name, func(_ context.Context, w io.Writer) error {
		_, err := io.Copy(w, tar)
		return err
	})
}

// Receive writes what send sends below dst under a name.
func Receive(ctx context.Context, dst, name string, send func(context.Context, io.Writer) error) error {
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer root.Close()
	u := unpacker{root: root, name: name, say: func(string) {}}
	return u.receive(ctx, send)
}
