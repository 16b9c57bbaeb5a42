package inside

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The holder has two doors: one to talk through, and one where a program lends
// it the streams to talk on.
const front, side = "", "/lend"

// address is the holder's socket: in the abstract namespace, so that it needs
// no file system, and gone with the holder.
func address(door string) *unix.SockaddrUnix {
	name := os.Getenv(nameVar)
	if name == "" {
		name = "holder"
	}
	return &unix.SockaddrUnix{Name: "@bot-bottle/" + name + door}
}

// listen opens the holder's socket. It is a file, not a net.Listener: package
// net would be half of the program.
func listen(door string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	// What has the name is a holder that is just ending, or a stranger.
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err = unix.Bind(fd, address(door))
		if !errors.Is(err, unix.EADDRINUSE) || time.Since(begin) > bindTime {
			break
		}
	}
	if err == nil {
		err = unix.Listen(fd, maxConnections)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open the holder's socket %s: %w", address(door).Name, err)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// bindTime is how long the socket's name may be taken.
const bindTime = 2 * time.Second

// accept waits for the next connection of somebody who may talk.
func accept(listener *os.File, mayTalk func(fd int) bool) (*os.File, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	for {
		var fd int
		var failed error
		err = raw.Read(func(s uintptr) bool {
			fd, _, failed = unix.Accept4(int(s), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return !errors.Is(failed, unix.EAGAIN)
		})
		switch {
		case err != nil:
			return nil, err
		case errors.Is(failed, unix.ECONNABORTED), errors.Is(failed, unix.EINTR):
			continue
		case errors.Is(failed, unix.EMFILE), errors.Is(failed, unix.ENFILE), errors.Is(failed, unix.ENOMEM), errors.Is(failed, unix.ENOBUFS):
			time.Sleep(50 * time.Millisecond) // until somebody leaves
			continue
		case failed != nil:
			return nil, failed
		}
		if !mayTalk(fd) {
			unix.Close(fd)
			continue
		}
		return os.NewFile(uintptr(fd), "client"), nil
	}
}

// peer is the user at the other end of a socket, as the kernel says
// (SO_PEERCRED, unix(7)).
func peer(fd int) (uid int, ok bool) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, false
	}
	return int(cred.Uid), true
}

// mayTalk says whether the other end of a socket is root, our own user or the
// agent's.
func (h *holder) mayTalk(fd int) bool {
	uid, ok := peer(fd)
	return ok && (trusted(uid) || int64(uid) == h.agent.Load())
}

// trusted says whether a user may be the holder.
func trusted(uid int) bool { return uid == 0 || uid == os.Geteuid() }

// holds says whether at the other end is one who may be the holder.
func holds(fd int) bool {
	uid, ok := peer(fd)
	return ok && trusted(uid)
}

// errNoHolder says that there is no holder to talk to.
var errNoHolder = errors.New("there is no holder")

// dial connects to the holder, if it is one that may be trusted.
func dial(door string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	// A connection waits while the backlog is full, which a holder soon
	// empties; one that is stopped does not (SO_SNDTIMEO, socket(7)).
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: int64(requestTime / time.Second)}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up a socket: %w", err)
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Connect(fd, address(door))
	}
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		err = errNoHolder
	case err == nil && !holds(fd):
		err = fmt.Errorf("the socket %s is a stranger's", address(door).Name)
	case err == nil:
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "holder"), nil
}

// shutWrite tells the other end of a socket that no more comes.
func shutWrite(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }) // gone: as well
	}
}
