package selfwatch

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Writable returns a look that writes a row to db: a full disk, one mounted read-only
// and a locked database show by it. The table is made with the first look.
func Writable(db *sql.DB) Look {
	const (
		table = `CREATE TABLE IF NOT EXISTS selfwatch_writes (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL)`
		write = `INSERT INTO selfwatch_writes (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at`
	)
	made := false
	return func(ctx context.Context) (bool, time.Time, string) {
		if !made {
			if _, err := db.ExecContext(ctx, table); err != nil {
				return false, time.Time{}, fmt.Sprintf("state.db cannot be written: %v", err)
			}
			made = true
		}
		if _, err := db.ExecContext(ctx, write, time.Now().UnixMilli()); err != nil {
			return false, time.Time{}, fmt.Sprintf("state.db cannot be written: %v", err)
		}
		return true, time.Time{}, ""
	}
}

// Recent returns a look at something that happens again and again: it fails when the
// last time is longer ago than limit. A zero time is something that never happened,
// which is no fault.
func Recent(last func() time.Time, limit time.Duration, what string) Look {
	return func(context.Context) (bool, time.Time, string) {
		at := last()
		if at.IsZero() || time.Since(at) <= limit {
			return true, time.Time{}, ""
		}
		return false, at, what
	}
}

// Passing returns a look at things that should not stay: it fails while one has been
// there for longer than limit.
func Passing(present func() []string, limit time.Duration, what string) Look {
	met := map[string]time.Time{}
	return func(context.Context) (bool, time.Time, string) {
		now, still := time.Now(), map[string]time.Time{}
		oldest := now
		for _, key := range present() {
			still[key] = now
			if first, ok := met[key]; ok {
				still[key] = first
			}
			if still[key].Before(oldest) {
				oldest = still[key]
			}
		}
		met = still
		if now.Sub(oldest) <= limit {
			return true, time.Time{}, ""
		}
		return false, oldest, what
	}
}
