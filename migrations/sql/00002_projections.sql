-- What is true now, folded from the log by package projections: it can be
-- dropped and made anew at any time (bot-bottle rebuild). The statements are
-- repeated there, for tables that somebody damaged; a test holds them equal.
-- Texts of which nothing is known are NULL. Times are milliseconds since 1970.

-- +goose Up

-- One row a bottle, removed ones too. created_seq is the seq of its first
-- event and so the order of creation, whatever clocks said.
CREATE TABLE bottles (
    created_seq     INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    slug            TEXT    NOT NULL,
    agent           TEXT    NOT NULL,
    backend         TEXT    NOT NULL,
    endpoint        TEXT    NOT NULL,
    backend_source  TEXT    NOT NULL,
    instance_name   TEXT    NOT NULL,
    instance_id     TEXT,
    generation      INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    pending         TEXT,
    reason          TEXT,
    failure         TEXT,
    exit_code       INTEGER,
    protected       INTEGER NOT NULL,
    labels          TEXT    NOT NULL,
    observed        TEXT,
    image           TEXT    NOT NULL,
    idempotency_key TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    started_at      INTEGER,
    version         INTEGER NOT NULL,
    seq             INTEGER NOT NULL
) STRICT;

-- A removed bottle holds no name any more.
CREATE INDEX bottles_live ON bottles (created_seq) WHERE state <> 'removed';
CREATE UNIQUE INDEX bottles_slug ON bottles (slug) WHERE state <> 'removed';
CREATE UNIQUE INDEX bottles_instance ON bottles (backend, endpoint, instance_name) WHERE state <> 'removed';
CREATE UNIQUE INDEX bottles_key ON bottles (idempotency_key) WHERE state <> 'removed' AND idempotency_key IS NOT NULL;

-- Created and not released, of removed bottles too: those are leftovers.
CREATE TABLE resources (
    bottle TEXT NOT NULL,
    kind   TEXT NOT NULL,
    ref    TEXT NOT NULL,
    PRIMARY KEY (bottle, kind, ref)
) STRICT, WITHOUT ROWID;

-- How far the tables have followed the log, and by which revision of the fold.
CREATE TABLE projection (
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL
) STRICT;
