package events

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// ErrNotEmpty says that a log holds events already and nothing can be
// restored into it.
var ErrNotEmpty = errors.New("the log is not empty: restore goes into a new home only")

// BadExport says that something is not an export, or not a whole one. Nothing
// was restored.
type BadExport struct {
	Line int64 // 1 is the header
	Err  error
}

func (b *BadExport) Error() string { return fmt.Sprintf("line %d of the export: %v", b.Line, b.Err) }

func (b *BadExport) Unwrap() error { return b.Err }

// Restored says what [Log.Restore] did.
type Restored struct {
	FromHome string // id of the home that made the export
	Events   int64  // how many it held
	HomeID   string // of the home from now on
}

// Restore reads an export into an empty log, all of it or nothing, has it
// folded, and notes that on the home's own stream. The home keeps its own id,
// so that it does not act on the instances of the one that made the export;
// with takeOver it goes on under that one's id.
//
// Errors are [ErrNotEmpty], *[BadExport], *[Newer], and those of [Log.Update].
func (l *Log) Restore(ctx context.Context, r io.Reader, takeOver bool) (Restored, error) {
	in := exportReader{r: bufio.NewReaderSize(r, 1<<16)}
	h, err := in.header()
	if err != nil {
		return Restored{}, err
	}
	done := Restored{FromHome: h.Home, Events: h.Events, HomeID: l.homeID}
	if takeOver {
		done.HomeID = h.Home
	}
	err = l.Update(ctx, func(tx *Tx) error {
		if tx.state.head != 0 {
			return ErrNotEmpty
		}
		if err := tx.restore(ctx, &in, h.Events); err != nil {
			return err
		}
		if takeOver {
			if err := tx.becomeHome(ctx, h.Home); err != nil {
				return err
			}
		}
		return tx.noteRestore(ctx, done.HomeID, LogRestored{FromHome: h.Home, Events: h.Events, TakeOver: takeOver})
	})
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	if !takeOver {
		return done, nil
	}
	l.homeID = done.HomeID
	return done, l.writeIDBeside(done.HomeID)
}

// restore inserts the events of an export as they stand.
func (tx *Tx) restore(ctx context.Context, in *exportReader, want int64) error {
	ctx = detached(ctx)
	versions := map[string]int64{}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := in.event()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		versions[e.Stream]++
		switch {
		case e.Seq != tx.state.head+1:
			return in.bad(fmt.Errorf("seq %d stands where %d belongs", e.Seq, tx.state.head+1))
		case e.Version != versions[e.Stream]:
			return in.bad(fmt.Errorf("version %d of stream %s stands where %d belongs", e.Version, e.Stream, versions[e.Stream]))
		}
		if err := tx.insert(ctx, e); err != nil {
			return err
		}
	}
	if tx.state.head != want {
		return in.bad(fmt.Errorf("it ends after %d of %d events", tx.state.head, want))
	}
	return nil
}

// becomeHome gives the log another home's id. The file beside the log goes
// first: when it is missing, the log's word counts, so that a crash at any
// point leaves a home that opens.
func (tx *Tx) becomeHome(ctx context.Context, id string) error {
	err := os.Remove(filepath.Join(tx.log.home, homeIDFile))
	if err == nil {
		err = syncFolder(tx.log.home)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(tx.path, "its "+homeIDFile+" cannot be replaced", err)
	}
	_, err = tx.Exec(ctx, "UPDATE meta SET value = ? WHERE key = 'home_id'", id)
	return err
}

// noteRestore appends the note and has everything folded. Where the home that
// made the export had been restored itself, its stream goes on.
func (tx *Tx) noteRestore(ctx context.Context, homeID string, note LogRestored) error {
	earlier, err := tx.Stream(ctx, homeID)
	if err != nil {
		return err
	}
	if _, err := tx.append(ctx, homeID, int64(len(earlier)), []Payload{&note}); err != nil {
		return err
	}
	return tx.log.rebuild(tx)
}

// longestLine bounds a line of an export: what one event can hold of an argv
// is limited by the system to a few megabytes.
const longestLine = 64 << 20

// exportReader reads an export line by line and trusts none of it.
type exportReader struct {
	r    *bufio.Reader
	line int64
}

func (in *exportReader) bad(err error) error { return &BadExport{Line: in.line, Err: err} }

// next reads one line into v; io.EOF after the last. A field that this
// program does not know would be lost, so it is refused.
func (in *exportReader) next(v any) error {
	in.line++
	var line []byte
	for {
		part, err := in.r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestLine {
			return in.bad(fmt.Errorf("it is longer than %d bytes", longestLine))
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0:
			return io.EOF
		case err == io.EOF:
			return in.bad(io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("read the export: %w", err)
		}
		break
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return in.bad(err)
	}
	if rest := bytes.TrimSpace(line[dec.InputOffset():]); len(rest) > 0 {
		return in.bad(errors.New("something follows its object"))
	}
	return nil
}

func (in *exportReader) header() (exportHeader, error) {
	var h exportHeader
	switch err := in.next(&h); {
	case err == io.EOF:
		return h, in.bad(io.ErrUnexpectedEOF)
	case err != nil:
		return h, err
	}
	switch {
	case h.Schema > exportSchema:
		return h, &Newer{Path: "the export", What: "export", Have: int64(h.Schema), Know: exportSchema}
	case h.LogSchema > migrations.Latest:
		return h, &Newer{Path: "the export", What: "schema", Have: h.LogSchema, Know: migrations.Latest}
	case h.Schema < 1:
		return h, in.bad(errors.New("it is no header of an export"))
	}
	if !isID(h.Home) {
		return h, in.bad(fmt.Errorf("%q is no id of a home", h.Home))
	}
	return h, nil
}

// event reads and checks an event by itself; its place is the caller's to check.
func (in *exportReader) event() (Event, error) {
	var l exportLine
	if err := in.next(&l); err != nil {
		return Event{}, err
	}
	e := Event{Seq: l.Seq, Stream: l.Stream, Version: l.Version, Type: l.Type, Time: time.UnixMilli(l.Time).UTC(), Data: l.Data, Origin: l.Origin}
	if string(l.Erasable) != "null" {
		e.Erasable = l.Erasable
	}
	var err error
	if e.Salt, err = unhex(l.Salt); err == nil {
		e.Digest, err = unhex(l.Digest)
	}
	if err == nil {
		err = e.check()
	}
	var unknown *UnknownType
	if errors.As(err, &unknown) {
		return e, err
	}
	if err != nil {
		return e, in.bad(err)
	}
	return e, nil
}

func unhex(s *string) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return hex.DecodeString(*s)
}

// check says whether an event could have been appended by this program.
func (e Event) check() error {
	if !isID(e.Stream) { // such an id becomes the name of files
		return fmt.Errorf("%q is no id of a bottle", e.Stream)
	}
	if !bytes.HasPrefix(e.Data, []byte("{")) || !bytes.HasPrefix(e.Origin, []byte("{")) {
		return errors.New("its data or origin is no object")
	}
	p, err := Decode(e)
	if err != nil {
		return err
	}
	var o Origin
	if err := json.Unmarshal(e.Origin, &o); err != nil {
		return fmt.Errorf("its origin: %w", err)
	}
	_, erasing := p.(Erasing)
	switch {
	case erasing != (e.Digest != nil):
		return errors.New("its digest does not fit its type")
	case (e.Salt != nil) != (e.Erasable != nil):
		return errors.New("it has only one of salt and erasable part")
	case e.Erasable != nil && !erasing:
		return errors.New("its type has no erasable part")
	case e.Erasable != nil && !bytes.Equal(digest(e.Salt, e.Erasable), e.Digest):
		return errors.New("its erasable part does not match its digest")
	case e.Digest != nil && len(e.Digest) != digestSize:
		return errors.New("its digest has the wrong length")
	}
	return nil
}
