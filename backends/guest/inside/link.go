package inside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// link is a conversation with a client: its socket, or the two streams of a
// program beside us that it lent us, so that what goes to and fro takes no way
// through that program.
type link struct {
	in, out *os.File
	lender  *os.File // its socket, which is closed when we are done; nil: in and out are the socket
}

func (l *link) Read(p []byte) (int, error)  { return l.in.Read(p) }
func (l *link) Write(p []byte) (int, error) { return l.out.Write(p) }

// SetDeadline and SetReadDeadline bound what waits. Streams for which that
// cannot be were not taken, see lendable.
func (l *link) SetDeadline(t time.Time)     { l.in.SetReadDeadline(t); l.out.SetWriteDeadline(t) }
func (l *link) SetReadDeadline(t time.Time) { l.in.SetReadDeadline(t) }

// Close ends it; more than once is once.
func (l *link) Close() {
	l.in.Close()
	l.out.Close()
	if l.lender != nil {
		l.lender.Close()
	}
}

// shutWrite tells the other end that no more comes.
func (l *link) shutWrite() {
	if l.lender != nil {
		l.out.Close()
		return
	}
	shutWrite(l.out)
}

// hangUp waits until the other end, which has heard all, has left.
func (l *link) hangUp() {
	l.SetReadDeadline(time.Now().Add(goodbyeTime))
	_, _ = io.Copy(io.Discard, l)
}

// lendable says whether a stream can be waited for with a deadline.
func lendable(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// lend gives the holder at the other end of a socket our stdin and stdout
// (SCM_RIGHTS, unix(7)), and keeps none of them.
func lend(sock *os.File, std Std) error {
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	rights := unix.UnixRights(int(std.In.Fd()), int(std.Out.Fd()))
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		failed = unix.Sendmsg(int(fd), []byte{0}, rights, nil, 0)
		return !errors.Is(failed, unix.EAGAIN)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("lend the holder our streams: %w", err)
	}
	return errors.Join(std.In.Close(), std.Out.Close())
}

// borrow takes what a lender gives.
func borrow(sock *os.File) (*link, error) {
	sock.SetReadDeadline(time.Now().Add(requestTime))
	raw, err := sock.SyscallConn()
	if err != nil {
		return nil, err
	}
	var one [1]byte
	oob := make([]byte, unix.CmsgSpace(4*4))
	n := 0
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		_, n, _, _, failed = unix.Recvmsg(int(fd), one[:], oob, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(failed, unix.EAGAIN)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	var fds []int
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	for _, m := range messages {
		rights, rerr := unix.ParseUnixRights(&m)
		fds, err = append(fds, rights...), errors.Join(err, rerr)
	}
	if err == nil && len(fds) != 2 {
		err = fmt.Errorf("%d streams were lent, want two", len(fds))
	}
	for _, fd := range fds {
		err = errors.Join(err, unix.SetNonblock(fd, true))
	}
	if err != nil {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return nil, err
	}
	l := &link{in: os.NewFile(uintptr(fds[0]), "stdin"), out: os.NewFile(uintptr(fds[1]), "stdout"), lender: sock}
	if !lendable(l.in) || !lendable(l.out) {
		l.in.Close()
		l.out.Close()
		return nil, errors.New("what was lent is neither a pipe nor a socket")
	}
	return l, nil
}
