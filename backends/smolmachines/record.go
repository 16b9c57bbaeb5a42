package smolmachines

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// What the main process of a machine prints is kept by smolvm in a file beside
// its disks, across restarts and while it is stopped: workload.log, of 10 MiB,
// with older ones beside it (smolvm --help, "machine logs"). The guest program
// prints its record there, which is how the end of a main process is known.
const workloadLog = "workload.log"

// recordTail is how much of the end of the record is read for how the last
// run ended: more than the longest line that the guest program writes.
const recordTail = 256 << 10

// lastRun reads how the last run of a main process went; false when there
// never was one. The end of the record tells, unless the run printed more
// than that since.
func (b *Backend) lastRun(name string) (guest.Run, bool) {
	f, st, err := b.openLog(name)
	if f == nil || err != nil {
		return guest.Run{}, false
	}
	defer f.Close()
	if st.Size() > recordTail {
		run, err := guest.LastRun(io.NewSectionReader(f, st.Size()-recordTail, recordTail))
		if err == nil && !run.Began.IsZero() {
			return run, true
		}
	}
	run, err := guest.LastRun(io.MultiReader(b.olderLogs(name), f))
	return run, err == nil
}

// lastID tells the last run from the next one.
func (b *Backend) lastID(name string) string {
	run, _ := b.lastRun(name)
	return run.ID
}

// olderLogs reads what was put aside when the record grew too long, oldest
// first: files of its name with a number, the highest the oldest.
func (b *Backend) olderLogs(name string) io.Reader {
	var readers []io.Reader
	for i := mostOlderLogs; i > 0; i-- {
		text, err := os.ReadFile(filepath.Join(b.machineDir(name), workloadLog+"."+strconv.Itoa(i)))
		if err == nil {
			readers = append(readers, bytes.NewReader(text))
		}
	}
	return io.MultiReader(readers...)
}

// mostOlderLogs is how many of them smolvm keeps, of 10 MiB each.
const mostOlderLogs = 3

// logSize is how long the record is now.
func (b *Backend) logSize(name string) int64 {
	st, err := os.Stat(filepath.Join(b.machineDir(name), workloadLog))
	if err != nil {
		return 0
	}
	return st.Size()
}

// openLog opens the record as it is now; nil when there is none.
func (b *Backend) openLog(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.Open(filepath.Join(b.machineDir(name), workloadLog))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// stale says whether the record is of a time before the machine that runs
// now: its main process has not begun yet. Both times are this host's.
func (b *Backend) stale(m *machine) bool {
	if m.PID == nil {
		return false
	}
	booted, err := startedAt(*m.PID)
	if err != nil {
		return false
	}
	st, err := os.Stat(filepath.Join(b.machineDir(m.Name), workloadLog))
	// The time of a file lags by up to a tick, of which there are 100 to 1000
	// a second.
	return err == nil && st.ModTime().Before(booted.Add(-clockTick))
}

// clockTick is the unit of times in proc(5), the same on every Linux.
const clockTick = 10 * time.Millisecond

// startedAt is when a process started, as proc(5) tells it: by up to a tick
// too early.
func startedAt(pid int) (time.Time, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return time.Time{}, err
	}
	var up unix.Timespec // of /proc/uptime, which has no more than two decimals
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return time.Time{}, errors.New("proc tells too little of a process")
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(-time.Duration(up.Nano()) + time.Duration(ticks)*clockTick), nil
}

// follow reads a record that is still being written, from an offset on,
// across the change to a new file, until over says that nothing more comes.
type follow struct {
	ctx  context.Context
	path string
	over func() bool
	file *os.File
	from int64
	last bool
}

// followEvery is how soon to look again for more.
const followEvery = 40 * time.Millisecond

func (f *follow) Read(p []byte) (int, error) {
	for {
		if f.file == nil {
			file, err := os.Open(f.path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err
			}
			if err == nil {
				if _, err := file.Seek(f.from, io.SeekStart); err != nil {
					return 0, errors.Join(err, file.Close())
				}
				f.file, f.from = file, 0
			}
		}
		if f.file != nil {
			n, err := f.file.Read(p)
			if n > 0 || err != nil && err != io.EOF {
				return n, err
			}
			if f.replaced() {
				err := f.file.Close()
				f.file = nil
				if err != nil {
					return 0, err
				}
				continue
			}
		}
		if f.last {
			return 0, io.EOF
		}
		if f.over() {
			f.last = true // look once more for what came meanwhile
			continue
		}
		if !pause(f.ctx, followEvery) {
			return 0, f.ctx.Err()
		}
	}
}

func (f *follow) replaced() bool {
	there, err := os.Stat(f.path)
	if err != nil {
		return false
	}
	mine, err := f.file.Stat()
	return err == nil && !os.SameFile(there, mine)
}

func (f *follow) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
