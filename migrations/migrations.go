// Package migrations is the schema of the log's file, applied by goose.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed sql/*.sql
var files embed.FS

// Latest is the version of the schema that this program reads and writes: the
// number of the last file in sql/. The file has it as PRAGMA user_version
// too, so that who only reads needs no goose.
const Latest = 2

// Apply brings the file behind db to [Latest]. The caller sees to it that
// nobody else does the same at the same time: goose alone does not.
func Apply(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(files, "sql")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("apply the migrations: %w", err)
	}
	// Last, so that a crash before it only has Apply called again.
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", Latest)); err != nil {
		return fmt.Errorf("note the schema's version: %w", err)
	}
	return nil
}
