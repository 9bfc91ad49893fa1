package tables

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestMigrate(t *testing.T) {
	db := open(t)
	first := Schema{Of: "pet", Table: "pet_schema", Steps: []string{`CREATE TABLE pets (name TEXT NOT NULL)`}}
	for range 2 { // the second time there is nothing to do
		if err := first.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO pets (name) VALUES ('Ida')`); err != nil {
		t.Fatal(err)
	}
	second := first
	second.Steps = append(second.Steps, `ALTER TABLE pets ADD COLUMN legs INTEGER NOT NULL DEFAULT 4`)
	if err := second.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	var legs int
	if err := db.QueryRowContext(t.Context(), `SELECT legs FROM pets WHERE name = 'Ida'`).Scan(&legs); err != nil || legs != 4 {
		t.Errorf("legs %d, %v", legs, err)
	}
	if err := first.Migrate(t.Context(), db); err == nil || !strings.Contains(err.Error(), "the pet tables have version 2, this program knows 1") {
		t.Errorf("tables of a newer program: %v", err)
	}
	broken := second
	broken.Steps = append(broken.Steps, `ALTER TABLE birds ADD COLUMN wings INTEGER`)
	if err := broken.Migrate(t.Context(), db); err == nil || !strings.Contains(err.Error(), "bring the pet tables to version 3") {
		t.Errorf("a step that fails: %v", err)
	}
	if err := second.Migrate(t.Context(), db); err != nil {
		t.Errorf("a step that failed left something behind: %v", err)
	}
}

func TestWriteIsUndone(t *testing.T) {
	db := open(t)
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE pets (name TEXT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no room")
	err := Write(t.Context(), db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO pets (name) VALUES ('Ida')`); err != nil {
			return err
		}
		return full
	})
	n := -1
	if scan := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pets`).Scan(&n); scan != nil || n != 0 || !errors.Is(err, full) {
		t.Errorf("%d pets, %v, %v", n, err, scan)
	}
}
