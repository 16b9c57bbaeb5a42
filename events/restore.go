package events

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
