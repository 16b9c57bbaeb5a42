//go:build !linux

package cli

import "golang.org/x/sys/unix"

// discardInput drops what was typed and not yet read, as BSD has it. If it
// cannot, there is nothing else that could.
func discardInput(fd int) { _ = unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, unix.TCIFLUSH) }
