-- +goose Up
-- +goose StatementBegin
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE events (
  seq       INTEGER PRIMARY KEY,
  bottle_id TEXT    NOT NULL,
  version   INTEGER NOT NULL CHECK (version > 0),
  type      TEXT    NOT NULL,
  time      INTEGER NOT NULL,
  data      TEXT    NOT NULL,
  origin    TEXT    NOT NULL,
  digest    BLOB,
  UNIQUE (bottle_id, version)
) STRICT;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE erasable (
  seq  INTEGER PRIMARY KEY REFERENCES events (seq),
  salt BLOB NOT NULL,
  data TEXT NOT NULL
) STRICT;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER events_keep_rows BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: no event is deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER events_keep_values BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the log is append-only: no event is changed'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER events_are_gapless BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
  OR NEW.version IS NOT (SELECT coalesce(max(version), 0) + 1 FROM events WHERE bottle_id = NEW.bottle_id)
BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event comes right after the last one'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER erasable_keeps_values BEFORE UPDATE ON erasable
BEGIN SELECT RAISE(ABORT, 'what is erasable can be dropped, not changed'); END;
-- +goose StatementEnd
