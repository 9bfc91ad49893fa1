package store

import (
	"context"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func openState(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := OpenState(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func statement(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func TestStateSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "st%41te #?&.db")
	db := openState(t, path)
	// Every connection has them, not just the first.
	ctx := t.Context()
	var conns []*sql.Conn
	for range stateConns {
		c, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
			var got string
			if err := c.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v, want %q", pragma, got, err, want)
			}
		}
	}
	for _, c := range conns {
		c.Close()
	}
	statement(t, db, "CREATE TABLE t (x)")
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o", name, got)
		}
	}
}

func TestStateIsMadePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	openState(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestStateEnforcesForeignKeys(t *testing.T) {
	db := openState(t, filepath.Join(t.TempDir(), "state.db"))
	statement(t, db, "CREATE TABLE parent (id INTEGER PRIMARY KEY)")
	statement(t, db, "CREATE TABLE child (id INTEGER REFERENCES parent)")
	if _, err := db.ExecContext(t.Context(), "INSERT INTO child VALUES (1)"); err == nil {
		t.Error("a child without a parent is accepted")
	}
}

// Reading and then writing in one transaction must not fail because another did
// the same at the same time.
func TestStateTransactionsDoNotCollide(t *testing.T) {
	db := openState(t, filepath.Join(t.TempDir(), "state.db"))
	statement(t, db, "CREATE TABLE counter (n INTEGER)")
	statement(t, db, "INSERT INTO counter VALUES (0)")
	increment := func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT n FROM counter").Scan(&n); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE counter SET n = ?", n+1); err != nil {
			return err
		}
		return tx.Commit()
	}
	const workers, rounds = 6, 10
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				if err := increment(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT n FROM counter").Scan(&n); err != nil || n != workers*rounds {
		t.Errorf("counted %d, %v, want %d", n, err, workers*rounds)
	}
}

// A copy of the files of an open database is what a kill -9 leaves behind.
func TestStateSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, filepath.Join(dir, "state.db"))
	statement(t, db, "CREATE TABLE t (x TEXT)")
	statement(t, db, "INSERT INTO t VALUES ('kept')")
	after := t.TempDir()
	if err := os.CopyFS(after, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	var x string
	if err := openState(t, filepath.Join(after, "state.db")).QueryRowContext(t.Context(), "SELECT x FROM t").Scan(&x); err != nil || x != "kept" {
		t.Errorf("got %q, %v", x, err)
	}
}

func TestStateFaults(t *testing.T) {
	refuse := func(path, want string) {
		t.Helper()
		db, err := OpenState(path)
		if err == nil {
			db.Close()
			t.Errorf("%s opens", path)
			return
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is not one line with %q", err, want)
		}
	}
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	refuse("", "no path given")
	refuse(text, text+" is not a usable SQLite database")
	refuse(filepath.Join(text, "state.db"), "cannot open")
	refuse("/proc/watchtower/state.db", "cannot write /proc/watchtower/state.db")
	refuse(dir, "cannot open "+dir)
	if b, err := os.ReadFile(text); err != nil || len(b) != 2300 {
		t.Errorf("the file that is no database was changed: %d bytes, %v", len(b), err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, fs.FileMode(0o500)); err != nil {
			t.Fatal(err)
		}
		refuse(filepath.Join(dir, "new.db"), "cannot write")
	}
}
