package migrations_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

func TestApply(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var first []string
	for range 2 { // the second finds nothing to do
		if err := migrations.Apply(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		schema := schemaOf(t, db)
		if first != nil && !reflect.DeepEqual(schema, first) {
			t.Errorf("applied again, the schema is\n%s\nafter\n%s", schema, first)
		}
		first = schema
	}
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version != migrations.Latest {
		t.Errorf("user_version is %d, Latest %d", version, migrations.Latest)
	}
	for _, table := range []string{"meta", "events", "erasable", "bottles", "resources", "projection"} {
		if !strings.Contains(strings.Join(first, "\n"), "CREATE TABLE "+table+" ") {
			t.Errorf("there is no table %s", table)
		}
	}
	for _, s := range first {
		if strings.HasPrefix(s, "CREATE TABLE") && !strings.Contains(s, "STRICT") && !strings.Contains(s, "goose") && !strings.Contains(s, "sqlite_") {
			t.Errorf("not strict: %s", s)
		}
	}
}

// TestLatestIsTheLastFile holds the constant equal to what is embedded.
func TestLatestIsTheLastFile(t *testing.T) {
	names, err := filepath.Glob("sql/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != migrations.Latest {
		t.Errorf("%d files, Latest is %d", len(names), migrations.Latest)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "+goose Down") {
			t.Errorf("%s goes down: history is not taken back", name)
		}
	}
}

func schemaOf(t *testing.T, db *sql.DB) (out []string) {
	t.Helper()
	rows, err := db.Query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
