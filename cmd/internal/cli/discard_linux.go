package cli

import "golang.org/x/sys/unix"

// discardInput drops what was typed and not yet read. If it cannot, there is
// nothing else that could.
func discardInput(fd int) { _ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
