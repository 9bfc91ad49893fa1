package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the driver "sqlite"
)

// How the state is opened.
const (
	stateBusyTimeout = 10 * time.Second
	stateConns       = 4
	stateOpenTimeout = 15 * time.Second

	sqliteNotADB  = 26
	sqliteCorrupt = 11
)

// OpenState opens the SQLite file at path and creates it, for this user only, if
// it is missing.
//
// What is committed is on disk: the log is synced at each commit. Foreign keys are
// enforced. BeginTx takes the write lock at once (unless the transaction is read
// only) and waits for it up to 10 s, so that a transaction that reads before it
// writes cannot fail half way because another one wrote in between. Close it last.
func OpenState(path string) (*sql.DB, error) {
	if path == "" {
		return nil, errors.New("open state: no path given")
	}
	if err := createPrivate(path); err != nil {
		return nil, explainState(path, err)
	}
	db, err := sql.Open("sqlite", stateDSN(path))
	if err != nil {
		return nil, explainState(path, err)
	}
	db.SetMaxOpenConns(stateConns)
	db.SetMaxIdleConns(stateConns)

	ctx, cancel := context.WithTimeout(context.Background(), stateOpenTimeout)
	defer cancel()
	// Reading the schema is what finds out whether the file is a database.
	if _, err := db.ExecContext(ctx, "SELECT count(*) FROM sqlite_master"); err != nil {
		return nil, errors.Join(explainState(path, err), db.Close())
	}
	return db, nil
}

func stateDSN(path string) string {
	query := url.Values{
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", stateBusyTimeout.Milliseconds()),
			"journal_mode(WAL)",
			"synchronous(FULL)",
			"foreign_keys(1)",
		},
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + query.Encode()
}

// createPrivate makes sure that only this user can read the file; SQLite gives its
// log and its index the same mode.
func createPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func explainState(path string, err error) error {
	var fault *sqlite.Error
	switch {
	case errors.As(err, &fault) && (fault.Code()&0xff == sqliteNotADB || fault.Code()&0xff == sqliteCorrupt):
		return &openError{fmt.Sprintf("%s is not a usable SQLite database (%s); restore it from a backup, or move it away to start with an empty one", path, oneLine(err)), err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return &openError{fmt.Sprintf("cannot write %s: %v; give this user write access to it, or set data_dir to another directory", path, cause(err)), err}
	}
	return &openError{fmt.Sprintf("cannot open %s: %s", path, oneLine(err)), err}
}
