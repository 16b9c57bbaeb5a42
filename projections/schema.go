package projections

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Queryer asks the database in one transaction: an *events.Tx or an
// *events.View.
type Queryer interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tables and indexes are the schema that the migration makes, once more: a
// rebuild makes it anew where somebody damaged it. A test holds the two equal.
// Indexes come after their table is filled.
var tables = []struct{ name, columns, options string }{
	{"bottles", `(
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
)`, "STRICT"},
	{"resources", `(
    bottle TEXT NOT NULL,
    kind   TEXT NOT NULL,
    ref    TEXT NOT NULL,
    PRIMARY KEY (bottle, kind, ref)
)`, "STRICT, WITHOUT ROWID"},
	{"projection", `(
    name     TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL
)`, "STRICT"},
}

var indexes = []struct{ name, sql string }{
	{"bottles_live", `CREATE INDEX bottles_live ON bottles (created_seq) WHERE state <> 'removed'`},
	{"bottles_slug", `CREATE UNIQUE INDEX bottles_slug ON bottles (slug) WHERE state <> 'removed'`},
	{"bottles_instance", `CREATE UNIQUE INDEX bottles_instance ON bottles (backend, endpoint, instance_name) WHERE state <> 'removed'`},
	{"bottles_key", `CREATE UNIQUE INDEX bottles_key ON bottles (idempotency_key) WHERE state <> 'removed' AND idempotency_key IS NOT NULL`},
}

// Damaged says that the tables are not what the log makes of them. The log
// itself is whole; `rebuild` mends the tables.
type Damaged struct {
	What string // what was found, one line
	Err  error  // that led to it; may be nil
}

func (d *Damaged) Error() string {
	s := "the tables of bottles are damaged: " + d.What
	if d.Err != nil {
		s += ": " + d.Err.Error()
	}
	return s
}

func (d *Damaged) Unwrap() error { return d.Err }

// explain turns an error of a statement into *[Damaged] when the schema is
// not what it should be; any other error stays what it is.
func explain(ctx context.Context, q Queryer, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	wrong, asking := wrongObjects(ctx, q)
	if asking != nil || len(wrong) == 0 {
		return err
	}
	return &Damaged{What: wrong[0].name + " is " + wrong[0].how, Err: err}
}

// wrong is an object of the schema that is missing, altered or not ours.
type wrong struct{ name, how string }

// wrongObjects compares the schema with what it should be.
func wrongObjects(ctx context.Context, q Queryer) ([]wrong, error) {
	have, err := objects(ctx, q)
	if err != nil {
		return nil, err
	}
	want := map[string]string{}
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
		want[t.name] = fmt.Sprintf("CREATE TABLE %s %s %s", t.name, t.columns, t.options)
	}
	for _, i := range indexes {
		names = append(names, i.name)
		want[i.name] = i.sql
	}
	var out []wrong
	for _, n := range names {
		switch o, ok := have[n]; {
		case !ok:
			out = append(out, wrong{n, "missing"})
		case squeeze(o.sql) != squeeze(want[n]):
			out = append(out, wrong{n, "altered"})
		}
		delete(have, n)
	}
	for _, n := range slices.Sorted(maps.Keys(have)) {
		out = append(out, wrong{n, "not ours"})
	}
	return out, nil
}

// object is a row of sqlite_master.
type object struct{ kind, sql string }

// objects lists what has the name of one of ours or hangs on one of our
// tables: a trigger there would change what we write.
func objects(ctx context.Context, q Queryer) (map[string]object, error) {
	var names []string
	for _, t := range tables {
		names = append(names, "'"+t.name+"'")
	}
	ours := strings.Join(names, ",")
	for _, i := range indexes {
		names = append(names, "'"+i.name+"'")
	}
	rows, err := q.Query(ctx, `SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (name IN (`+strings.Join(names, ",")+`) OR tbl_name IN (`+ours+`))`)
	if err != nil {
		return nil, fmt.Errorf("read the schema of the tables: %w", err)
	}
	defer rows.Close()
	found := map[string]object{}
	for rows.Next() {
		var name string
		var o object
		if err := rows.Scan(&o.kind, &name, &o.sql); err != nil {
			return nil, fmt.Errorf("read the schema of the tables: %w", err)
		}
		found[name] = o
	}
	return found, rows.Err()
}

// squeeze makes two spellings of one statement equal: a renamed table is
// quoted, white space means nothing.
func squeeze(sql string) string {
	return strings.Join(strings.Fields(strings.NewReplacer(`"`, "", "(", " ( ", ")", " ) ", ",", " , ").Replace(sql)), " ")
}
