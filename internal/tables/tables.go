// Package tables brings the tables that a package owns in the state database to their
// present version, and runs its transactions.
//
// A package keeps the steps that make its tables, in order; each is applied once, and
// one that was released never changes:
//
//	s := tables.Schema{Of: "on-call", Table: "oncall_schema", Steps: []string{`CREATE TABLE oncall_overrides (…)`}}
//	err := s.Migrate(ctx, db)
package tables

import (
	"context"
	"database/sql"
	"fmt"
)

// Schema is what a package keeps in the database.
type Schema struct {
	// Of names the tables for people: "the Of tables".
	Of string
	// Table holds the version. It is made.
	Table string
	// Steps are SQL statements, one for each version.
	Steps []string
}

// Migrate applies the steps that have not been applied yet, each in a transaction of
// its own. Tables of a newer program are refused.
func (s Schema) Migrate(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+s.Table+` (version INTEGER NOT NULL)`); err != nil {
		return fmt.Errorf("create table %s: %w", s.Table, err)
	}
	var version int
	if err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM `+s.Table).Scan(&version); err != nil {
		return fmt.Errorf("read version of the %s tables: %w", s.Of, err)
	}
	if version > len(s.Steps) {
		return fmt.Errorf("the %s tables have version %d, this program knows %d: use the newer program", s.Of, version, len(s.Steps))
	}
	for i := version; i < len(s.Steps); i++ {
		err := Write(ctx, db, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `INSERT INTO `+s.Table+` (version) VALUES (?)`, i+1); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, s.Steps[i])
			return err
		})
		if err != nil {
			return fmt.Errorf("bring the %s tables to version %d: %w", s.Of, i+1, err)
		}
	}
	return nil
}

// Write runs a transaction. Its first statement must write, so that SQLite takes the
// lock at once instead of failing later. It is undone when do returns an error.
func Write(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the error that counts is err
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
