package events

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// firstOpen makes the log or brings it up to date, one process at a time:
// goose alone fails when several migrate at once, and so does its own locker.
func (l *Log) firstOpen(ctx context.Context) error {
	lock, err := l.turns.lock(ctx, openLock, time.Now().Add(l.o.Wait))
	if err != nil {
		return err
	}
	defer lock.Close()
	err = l.connect(ctx) // somebody else may have done it meanwhile
	if !errors.Is(err, errUnready) {
		return err
	}
	if l.conn == nil {
		if err := l.create(ctx); err != nil {
			return err
		}
		if err := l.connect(ctx); !errors.Is(err, errUnready) {
			return err
		}
	}
	if err := l.bringUpToDate(ctx); err != nil {
		return err
	}
	return l.connect(ctx)
}

// bringUpToDate does to a log that exists what connect found missing.
func (l *Log) bringUpToDate(ctx context.Context) error {
	for _, name := range []string{openLock, nextLock, turnLock} {
		if err := l.makeLock(name); err != nil {
			return unwritable(l.path, "its lock cannot be made", err)
		}
	}
	leave, err := l.turns.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	s, err := readState(ctx, l.conn)
	if err != nil {
		return err
	}
	if s.schema < migrations.Latest {
		if err := migrations.Apply(ctx, l.db); err != nil {
			return err
		}
	}
	var mode string
	if err := l.conn.QueryRowContext(detached(ctx), "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return fmt.Errorf("switch the log to WAL: %w", err)
	}
	if mode != "wal" {
		return &Unwritable{Path: l.path, Why: "it stays in journal mode " + mode}
	}
	if s, err = readState(ctx, l.conn); err != nil {
		return err
	}
	if l.stmt.begin == nil {
		if err := l.stmt.prepare(ctx, l.conn); err != nil {
			return err
		}
	}
	if s.revision < l.revision {
		if err := l.transact(ctx, l.rebuild); err != nil {
			return fmt.Errorf("fold the log anew: %w", err)
		}
	}
	switch beside, err := l.idBeside(); {
	case err != nil:
		return err
	case beside == "" && s.homeID != "":
		return l.writeIDBeside(s.homeID)
	}
	return nil
}

// rebuild has the projector fold the whole log and notes its revision.
func (l *Log) rebuild(tx *Tx) error {
	ctx := context.Background()
	if l.o.Projector == nil {
		return nil
	}
	if err := l.o.Projector.Rebuild(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO meta (key, value) VALUES ('fold_revision', ?) "+
		"ON CONFLICT (key) DO UPDATE SET value = excluded.value", fmt.Sprint(l.revision))
	return err
}

// create makes an empty log beside its place and moves it there whole: a
// crash leaves no half of one, so that an empty file is always damage.
func (l *Log) create(ctx context.Context) error {
	id, err := l.idBeside()
	if err != nil {
		return err
	}
	if id == "" {
		id = l.o.NewID()
	}
	made := l.path + ".new"
	for _, old := range []string{
		made, made + "-wal", made + "-shm", made + "-journal", // of a crash in here
		l.path + "-wal", l.path + "-shm", l.path + "-journal", // empty ones that lost their log
	} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return unwritable(l.path, "what is left of an old one cannot be removed", err)
		}
	}
	f, err := os.OpenFile(made, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unwritable(l.path, "it cannot be made", err)
	}
	defer f.Close()
	err = own(f)
	if err == nil {
		err = fill(ctx, made, id)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(made, l.path)
	}
	if err == nil {
		err = syncFolder(l.home)
	}
	if err == nil {
		return nil
	}
	if code(err) == 0 {
		err = unwritable(l.path, "it cannot be made", err)
	}
	return errors.Join(err, os.Remove(made))
}

// fill makes the tables in a new file.
func fill(ctx context.Context, path, homeID string) error {
	db, err := database(path, write, readerWait)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // so that the pragmas hold for all
	ctx = detached(ctx)
	for _, s := range []string{
		"PRAGMA synchronous = OFF", // the whole file is synced at the end
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		"PRAGMA journal_mode = WAL",
	} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s, err), db.Close())
		}
	}
	if err := migrations.Apply(ctx, db); err != nil {
		return errors.Join(err, db.Close())
	}
	_, err = db.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('home_id', ?)", homeID)
	return errors.Join(err, db.Close())
}

func (l *Log) makeLock(name string) error {
	f, err := os.OpenFile(filepath.Join(l.home, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(own(f), f.Close())
}
