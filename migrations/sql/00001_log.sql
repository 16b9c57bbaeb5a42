-- The log itself. What is in here is never changed: what a later schema needs
-- is added beside it.

-- +goose Up

-- home_id: whose log this is. fold_revision: of the fold that made the
-- projections.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- seq is gapless from 1, and so is version within a bottle. time is in
-- milliseconds since 1970. data and origin are JSON, kept as the very bytes
-- that were written. digest is SHA-256 of salt and data of the erasable part,
-- and NULL for a type that has none.
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY,
    bottle_id TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    type      TEXT    NOT NULL,
    time      INTEGER NOT NULL,
    data      TEXT    NOT NULL,
    origin    TEXT    NOT NULL,
    digest    BLOB,
    UNIQUE (bottle_id, version)
) STRICT;

-- What may have to be forgotten: a row can go, and then it is gone.
CREATE TABLE erasable (
    seq  INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    data TEXT NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER events_keep_rows BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: no event is deleted');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER events_keep_values BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: no event is changed');
END;
-- +goose StatementEnd

-- This stops INSERT OR REPLACE as well, which passes by a trigger on DELETE
-- unless the connection has recursive_triggers on.
-- +goose StatementBegin
CREATE TRIGGER events_are_gapless BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
    OR NEW.version <> (SELECT coalesce(max(version), 0) + 1 FROM events WHERE bottle_id = NEW.bottle_id)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: an event comes right after the last one');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER erasable_keeps_values BEFORE UPDATE ON erasable
BEGIN
    SELECT RAISE(ABORT, 'an erasable part can be dropped, not changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER erasable_belongs_to_its_event BEFORE INSERT ON erasable
WHEN EXISTS (SELECT 1 FROM erasable WHERE seq = NEW.seq)
    OR NOT EXISTS (SELECT 1 FROM events WHERE seq = NEW.seq AND digest IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'an erasable part comes once, with its event');
END;
-- +goose StatementEnd
