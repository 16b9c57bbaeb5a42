package fake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// entry is one line of a log, or what was printed of the last one.
type entry struct {
	At   time.Time
	Kind byte
	Text []byte
}

// logFile is the log of one instance, written by its supervisor.
type logFile struct {
	mu   sync.Mutex
	f    *os.File
	part map[byte][]byte // of a line that is not complete
}

func openLog(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &logFile{f: f, part: map[byte][]byte{}}, err
}

// add keeps what was printed, line by line.
func (l *logFile) add(kind byte, b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b = append(l.part[kind], b...)
	for {
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 && len(b) < 16<<10 {
			break
		}
		if n == 0 {
			n = len(b)
		}
		l.write(kind, b[:n])
		b = b[n:]
	}
	l.part[kind] = bytes.Clone(b)
}

func (l *logFile) write(kind byte, text []byte) {
	b, err := json.Marshal(entry{time.Now(), kind, text})
	if err == nil {
		l.f.Write(append(b, '\n')) // a log that cannot be written ends no guest
	}
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind, rest := range l.part {
		if len(rest) > 0 {
			l.write(kind, rest)
		}
	}
	l.part = map[byte][]byte{}
	return l.f.Close()
}

func (b *backend) Logs(ctx context.Context, ref backends.Ref, o backends.LogOptions, stdout, stderr io.Writer) error {
	return b.around(ctx, "logs", ref.Name, func() error {
		r, err := b.must(ref)
		if err != nil {
			return err
		}
		f, err := os.Open(b.instance(r.ID, "log"))
		for o.Follow && errors.Is(err, fs.ErrNotExist) {
			runs, rerr := b.runs(r.ID)
			if rerr != nil || !runs {
				return rerr
			}
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
			f, err = os.Open(b.instance(r.ID, "log"))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it never ran
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return b.copyLog(ctx, r.ID, o, &logReader{in: bufio.NewReader(f)}, stdout, stderr)
	})
}

// logReader reads entries as they come to be: half a line stays until it is
// whole.
type logReader struct {
	in   *bufio.Reader
	part []byte
}

// next is io.EOF when there is no more yet.
func (l *logReader) next() (e entry, err error) {
	line, err := l.in.ReadBytes('\n')
	l.part = append(l.part, line...)
	if err != nil {
		return e, err
	}
	err = json.Unmarshal(l.part, &e)
	l.part = nil
	return e, err
}

func (b *backend) copyLog(ctx context.Context, id string, o backends.LogOptions, in *logReader, stdout, stderr io.Writer) error {
	var tail []entry
	for {
		e, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if e.At.Before(o.Since) {
			continue
		}
		if tail = append(tail, e); o.Tail >= 0 && len(tail) > o.Tail {
			tail = tail[1:]
		}
	}
	put := func(e entry) error {
		w := stdout
		if e.Kind == frameErr {
			w = stderr
		}
		if w == nil {
			return nil
		}
		_, err := w.Write(e.Text)
		return err
	}
	for _, e := range tail {
		if err := put(e); err != nil {
			return err
		}
	}
	for last := false; o.Follow; {
		e, err := in.next()
		switch {
		case err == nil:
			err = put(e)
		case err == io.EOF && last:
			return nil
		case err == io.EOF:
			// what it printed before its end is there after it
			var runs bool
			if runs, err = b.runs(id); err == nil && runs {
				err = pause(ctx, 10*time.Millisecond)
			}
			last = !runs
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
