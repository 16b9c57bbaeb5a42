package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// The files of our own below the data root:
//
//	engine.json    who this smolvm is
//	program.json   what the program was found to be
//	guest/         the program that machines run
//	images/        the archives that machines are made of
//	locks/NAME     held while the machine NAME is made, started, ended or removed
//	locks/NAME.N   held by one command or attachment inside it
//
// A lock file is never removed: a lock on a file that another process cannot
// find any more would keep nobody out.

// write replaces a file of our own as a whole.
func (b *Backend) write(name string, text []byte) error {
	if err := os.MkdirAll(b.own(), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(b.own(), "."+name+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), b.own(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// retryLock is how soon to ask again for a lock that somebody has.
const retryLock = 10 * time.Millisecond

// lock gives this process alone the right to the lifecycle of one machine,
// until unlock. Two starts at once kill each other, and a stop writes back
// what it read before.
func (b *Backend) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		if unlock, err := b.tryLock(name); unlock != nil || err != nil {
			return unlock, err
		}
		if !pause(ctx, retryLock) {
			return nil, ctx.Err()
		}
	}
}

// tryLock is lock without patience; nil when somebody has it.
func (b *Backend) tryLock(file string) (unlock func(), err error) {
	if err := os.MkdirAll(b.own("locks"), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of locks: %w", err)
	}
	l := flock.New(b.own("locks", file), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil || !ok {
		return nil, err
	}
	return func() { _ = l.Close() }, nil
}

const (
	// mostSessions is how many commands and attachments a machine bears side
	// by side. It serves eight connections, and a ninth that only looks at it
	// would fail and condemn it as unreachable.
	mostSessions = 6
	// sessionPatience is how long to wait for another session to end.
	sessionPatience = 20 * time.Second
)

var errSessions = fmt.Errorf("%d commands and attachments are open already, and a machine bears no more", mostSessions)

// session takes one of the places for sessions in a machine.
func (b *Backend) session(ctx context.Context, name string) (leave func(), err error) {
	for end := time.Now().Add(sessionPatience); ; {
		for i := range mostSessions {
			if leave, err := b.tryLock(fmt.Sprintf("%s.%d", name, i)); leave != nil || err != nil {
				return leave, err
			}
		}
		if time.Now().After(end) {
			return nil, errSessions
		}
		if !pause(ctx, retryLock) {
			return nil, ctx.Err()
		}
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// exists says whether a path is there; that it cannot be told is an error.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// machineDir is the folder of a machine's disks and sockets: named by the
// beginning of the SHA-256 of its name (src/agent/manager.rs).
func (b *Backend) machineDir(name string) string {
	return filepath.Join(b.root, ".cache", "smolvm", "vms", hashed(name))
}
