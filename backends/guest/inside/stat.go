package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// stat tells what is at a path, following no link at its end.
func (s *served) stat(name string) error {
	st, err := os.Lstat(name)
	if err != nil {
		return fileError(err)
	}
	told := wire.PathStat{Name: []byte(path.Base(path.Clean(name))), Size: st.Size(), Mode: uint32(st.Mode())}
	if st.Mode()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(name)
		if err != nil {
			return fileError(err)
		}
		told.Link = []byte(link)
	}
	if err := s.welcome(); err != nil {
		return errHostLeft
	}
	return s.out.SendJSON(wire.KindStat, told)
}

// fileError gives a missing path its kind.
func fileError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %w", backends.ErrNotFound, err)
	}
	return err
}
