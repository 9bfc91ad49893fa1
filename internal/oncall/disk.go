package oncall

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/tables"
)

// disk keeps overrides. Times are milliseconds since 1970; 0 is none.
type disk struct{ db *sql.DB }

// migrations in order; each is applied once. Never change one that was released.
func migrations() []string {
	return []string{
		`CREATE TABLE oncall_overrides (
			id          BIGINT PRIMARY KEY,
			schedule    TEXT NOT NULL,
			person      TEXT NOT NULL,
			begins_at   BIGINT NOT NULL,
			ends_at     BIGINT NOT NULL,
			reason      TEXT NOT NULL,
			author      TEXT NOT NULL,
			created_at  BIGINT NOT NULL,
			removed_at  BIGINT NOT NULL,
			removed_by  TEXT NOT NULL,
			removed_why TEXT NOT NULL
		)`,
		`CREATE INDEX oncall_overrides_by_end ON oncall_overrides (ends_at)`,
	}
}

func (d disk) migrate(ctx context.Context) error {
	return tables.Schema{Of: "on-call", Table: "oncall_schema", Steps: migrations()}.Migrate(ctx, d.db)
}

func (d disk) write(ctx context.Context, do func(*sql.Tx) error) error {
	return tables.Write(ctx, d.db, do)
}

// add stores an override and returns it with its ID.
func (d disk) add(ctx context.Context, o Override, now time.Time) (Override, error) {
	err := d.write(ctx, func(tx *sql.Tx) error {
		var standing int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM oncall_overrides WHERE schedule = ? AND removed_at = 0 AND ends_at > ?`,
			o.Schedule, now.UnixMilli()).Scan(&standing); err != nil {
			return err
		}
		if standing >= maxStanding {
			return fmt.Errorf("%w: the schedule %s has %d overrides that are not over: remove some, or change the schedule", ErrRefused, o.Schedule, standing)
		}
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 0) + 1 FROM oncall_overrides`).Scan(&o.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO oncall_overrides
			(id, schedule, person, begins_at, ends_at, reason, author, created_at, removed_at, removed_by, removed_why)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', '')`,
			o.ID, o.Schedule, o.User, o.From.UnixMilli(), o.To.UnixMilli(), o.Reason, o.Author, o.CreatedAt.UnixMilli())
		return err
	})
	return o, err
}

// remove ends an override that holds.
func (d disk) remove(ctx context.Context, o Override) (Override, error) {
	err := d.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE oncall_overrides SET removed_at = ?, removed_by = ?, removed_why = ? WHERE id = ? AND removed_at = 0`,
			o.RemovedAt.UnixMilli(), o.RemovedBy, o.RemovedWhy, o.ID)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fmt.Errorf("%w: there is no override %d that holds", ErrRefused, o.ID)
	})
	if err != nil {
		return Override{}, err
	}
	rows, err := d.list(ctx, `WHERE id = ?`, o.ID)
	if err != nil || len(rows) == 0 {
		return Override{}, cmp.Or(err, errors.New("read the removed override: it is gone"))
	}
	return rows[0], nil
}

// list reads overrides in the order in which they were made.
func (d disk) list(ctx context.Context, where string, args ...any) ([]Override, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT id, schedule, person, begins_at, ends_at, reason, author, created_at, removed_at, removed_by, removed_why
		FROM oncall_overrides `+where+` ORDER BY created_at, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("read overrides: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Override
	for rows.Next() {
		var o Override
		var from, to, created, removed int64
		if err := rows.Scan(&o.ID, &o.Schedule, &o.User, &from, &to, &o.Reason, &o.Author, &created, &removed, &o.RemovedBy, &o.RemovedWhy); err != nil {
			return nil, fmt.Errorf("read an override: %w", err)
		}
		o.From, o.To, o.CreatedAt, o.RemovedAt = milli(from), milli(to), milli(created), milli(removed)
		out = append(out, o)
	}
	return out, rows.Err()
}

// standing are the overrides that hold and touch the time since an instant.
func (d disk) standing(ctx context.Context, since time.Time) ([]Override, error) {
	return d.list(ctx, `WHERE removed_at = 0 AND ends_at > ?`, since.UnixMilli())
}

func milli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
