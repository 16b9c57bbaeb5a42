package cli

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// latestAnswer is how long is waited for what a terminal still answers to
	// an agent that was left.
	latestAnswer = 150 * time.Millisecond
	// silence is how long nothing must come for the answers to be at an end.
	silence = 50 * time.Millisecond
)

// drain drops what comes in on a terminal that an agent has asked something:
// the answers would be typed into the user's shell. The kernel drops the
// bytes, since a read of ours could wait for ever: the reader that served the
// agent may be blocked on the same terminal, and take them first.
func drain(fd int) {
	until := time.Now().Add(latestAnswer)
	wait := latestAnswer
	for wait > 0 {
		asked := time.Now()
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, int(wait.Milliseconds())+1)
		switch {
		case err == unix.EINTR:
			wait = min(wait-time.Since(asked), time.Until(until))
			continue
		case n > 0 && ready[0].Revents == unix.POLLIN:
			discardInput(fd)
			wait = min(silence, time.Until(until))
			continue
		case n > 0 && ready[0].Revents&unix.POLLNVAL == 0: // it hung up: nothing comes any more
			return
		case err != nil, n > 0: // macOS cannot poll every terminal
			time.Sleep(wait)
		}
		break
	}
	discardInput(fd)
}
