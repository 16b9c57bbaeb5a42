package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// header is what we look at in the first 100 bytes of the file, see
// https://sqlite.org/fileformat2.html section 1.3.
type header struct {
	wal  bool // it is in WAL mode
	open bool // others than its owner may read or write it
}

// readHeader says whether a file is a log of ours, before SQLite sees it:
// opening a database in WAL mode already makes files beside it. A missing
// file is errUnready.
func readHeader(path string) (header, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would keep us
	if errors.Is(err, fs.ErrNotExist) {
		return header{}, missing(path)
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return header{}, &Foreign{Path: filepath.Dir(path), Why: "it is no folder"}
	}
	if err != nil {
		return header{}, fmt.Errorf("open the log: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return header{}, fmt.Errorf("open the log: %w", err)
	}
	var b [100]byte
	switch n, err := f.ReadAt(b[:], 0); {
	case !st.Mode().IsRegular():
		return header{}, &Foreign{Path: path, Why: "it is no regular file"}
	case st.Size() == 0:
		return header{}, &Damaged{Path: path, Why: "the file is empty"}
	case err != nil && err != io.EOF:
		return header{}, &Damaged{Path: path, Err: err}
	case n < len(b) || string(b[:16]) != "SQLite format 3\x00":
		return header{}, &Damaged{Path: path, Why: "the file is no SQLite database"}
	case binary.BigEndian.Uint32(b[68:]) != applicationID:
		return header{}, &Foreign{Path: path, Why: "it is another program's database"}
	}
	return header{wal: b[18] == 2 && b[19] == 2, open: st.Mode()&0o077 != 0}, nil
}

// missing says what it means that there is no log at path.
func missing(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &Foreign{Path: path, Why: "it is a link to nothing"}
	}
	// SQLite would play what an orphan of these holds into a new file.
	for _, journal := range []string{"-wal", "-journal"} {
		if st, err := os.Stat(path + journal); err == nil && st.Size() > 0 {
			return &Damaged{Path: path, Why: "the file is missing, but the last changes to it are there (" + filepath.Base(path) + journal + ")"}
		}
	}
	return errUnready
}

// prepareFolder makes the home, or sees to it that it can be used.
func (l *Log) prepareFolder() error {
	kind, err := l.o.FileSystem(existing(l.home))
	if err != nil {
		return fmt.Errorf("ask for the file system of %s: %w", l.home, err)
	}
	if kind != "" {
		return &Unsafe{Path: l.home, Kind: kind}
	}
	st, err := os.Stat(l.home)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(l.home, 0o700); err != nil {
			return unwritable(l.path, "its folder cannot be made", err)
		}
		return nil
	}
	if err != nil {
		return unwritable(l.path, "its folder cannot be used", err)
	}
	if !st.IsDir() {
		return &Foreign{Path: l.home, Why: "it is no folder"}
	}
	return l.tighten(st)
}

// tighten closes the home to others when it is clearly ours: empty, or named
// for us. Any other folder (BOT_BOTTLE_HOME may name what others must be able
// to enter) stays as it is, since each file that we make in it is private.
func (l *Log) tighten(st fs.FileInfo) error {
	if st.Mode()&0o077 == 0 || st.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	if !strings.Contains(filepath.Base(l.home), "bot-bottle") {
		entries, err := os.ReadDir(l.home)
		if err != nil {
			return fmt.Errorf("read the home: %w", err)
		}
		if len(entries) > 0 {
			return nil
		}
	}
	if err := os.Chmod(l.home, 0o700); err != nil && !errors.Is(err, syscall.EPERM) {
		return unwritable(l.path, "its folder cannot be closed to others", err)
	}
	return nil // EPERM: it belongs to somebody else
}

// existing is the nearest folder above that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// replace writes a small file so that a crash leaves the old one or the new.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = own(f)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		return syncFolder(filepath.Dir(path))
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// own gives a file that root made to whom the folder belongs: one run under
// sudo must not lock the user out of their own home.
func own(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	st, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(sys.Uid), int(sys.Gid))
	}
	return nil
}

// syncFolder makes a rename in the folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
