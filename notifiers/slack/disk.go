package slack

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/tables"
)

// disk is the outbox's database: the incidents, the revisions on their way,
// and the IDs of channels. Times are milliseconds since 1970.
type disk struct{ db *sql.DB }

// migrations in order; each is applied once. Never change one that was released.
func migrations() []string {
	return []string{
		`CREATE TABLE slack_incidents (
			id            TEXT PRIMARY KEY,
			thread_key    TEXT NOT NULL,
			workspace     TEXT NOT NULL,
			channel       TEXT NOT NULL,
			channel_id    TEXT NOT NULL,
			ts            TEXT NOT NULL,
			state         TEXT NOT NULL,
			closed        INTEGER NOT NULL,
			opened_at     BIGINT NOT NULL,
			updated_at    BIGINT NOT NULL,
			memory        TEXT NOT NULL
		)`,
		`CREATE INDEX slack_incidents_by_key ON slack_incidents (thread_key, opened_at)`,
		`CREATE INDEX slack_incidents_by_age ON slack_incidents (closed, updated_at)`,
		`CREATE TABLE slack_outbox (
			id            TEXT PRIMARY KEY,
			incident      TEXT NOT NULL,
			seq           BIGINT NOT NULL,
			kind          TEXT NOT NULL,
			status        TEXT NOT NULL,
			created_at    BIGINT NOT NULL,
			payload       TEXT NOT NULL
		)`,
		`CREATE TABLE slack_channels (
			workspace     TEXT NOT NULL,
			name          TEXT NOT NULL,
			id            TEXT NOT NULL,
			PRIMARY KEY (workspace, name)
		)`,
	}
}

func (d disk) migrate(ctx context.Context) error {
	return tables.Schema{Of: "Slack", Table: "slack_schema", Steps: migrations()}.Migrate(ctx, d.db)
}

func (d disk) write(ctx context.Context, do func(*sql.Tx) error) error {
	return tables.Write(ctx, d.db, do)
}

func saveRecord(ctx context.Context, tx *sql.Tx, rec *record) error {
	memory, err := json.Marshal(rec.memory)
	if err != nil {
		return fmt.Errorf("write incident: %w", err)
	}
	closed := 0
	if rec.closed {
		closed = 1
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO slack_incidents
		(id, thread_key, workspace, channel, channel_id, ts, state, closed, opened_at, updated_at, memory)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET channel_id = excluded.channel_id, ts = excluded.ts, state = excluded.state,
			closed = excluded.closed, updated_at = excluded.updated_at, memory = excluded.memory`,
		rec.id, rec.key, rec.workspace, rec.channel, rec.channelID, rec.ts, string(rec.state), closed,
		rec.openedAt.UnixMilli(), rec.updatedAt.UnixMilli(), string(memory))
	return err
}

func deleteRecord(ctx context.Context, tx *sql.Tx, rec *record) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM slack_incidents WHERE id = ?`, rec.id)
	return err
}

func saveRow(ctx context.Context, tx *sql.Tx, r *row) error {
	payload, err := json.Marshal(r.payload)
	if err != nil {
		return fmt.Errorf("write revision: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO slack_outbox (id, incident, seq, kind, status, created_at, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, payload = excluded.payload`,
		r.id, r.rec.id, r.seq, string(r.kind), r.status(), r.createdAt.UnixMilli(), string(payload))
	return err
}

// markSending notes that a row is about to be sent.
func markSending(ctx context.Context, tx *sql.Tx, r *row) error {
	_, err := tx.ExecContext(ctx, `UPDATE slack_outbox SET status = ? WHERE id = ?`, r.status(), r.id)
	return err
}

func deleteRow(ctx context.Context, tx *sql.Tx, r *row) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM slack_outbox WHERE id = ?`, r.id)
	return err
}

func deleteRows(ctx context.Context, tx *sql.Tx, rows []*row) error {
	for _, r := range rows {
		if err := deleteRow(ctx, tx, r); err != nil {
			return err
		}
	}
	return nil
}

func saveChannel(ctx context.Context, tx *sql.Tx, workspaceID, name, id string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO slack_channels (workspace, name, id) VALUES (?, ?, ?)
		ON CONFLICT (workspace, name) DO UPDATE SET id = excluded.id`, workspaceID, name, id)
	return err
}

const recordColumns = `SELECT id, thread_key, workspace, channel, channel_id, ts, state, closed, opened_at, updated_at, memory FROM slack_incidents `

// open reads the incidents that are not over, and those of which something is still
// to be sent.
func (d disk) open(ctx context.Context) ([]*record, error) {
	rows, err := d.db.QueryContext(ctx, recordColumns+`WHERE closed = 0 OR id IN (SELECT incident FROM slack_outbox) ORDER BY opened_at`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*record
	for rows.Next() {
		rec, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, rows.Err()
}

// last reads the latest incident of a key; nil when there is none.
func (d disk) last(ctx context.Context, key string) (*record, error) {
	rows, err := d.db.QueryContext(ctx, recordColumns+`WHERE thread_key = ? ORDER BY opened_at DESC LIMIT 1`, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	return scanRecord(rows)
}

// past reads the page at a place, or, if that has no ts, the one of its channel that
// ended last; nil when there is none. Only what is over and changed since then counts.
func (d disk) past(ctx context.Context, at answered, since time.Time) (*record, error) {
	rows, err := d.db.QueryContext(ctx, recordColumns+`WHERE channel_id = ? AND (? = '' OR ts = ?) AND state = ? AND (? <> '' OR updated_at >= ?)
		ORDER BY updated_at DESC LIMIT 1`, at.channelID, at.ts, at.ts, string(resolved), at.ts, since.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	return scanRecord(rows)
}

// known tells whether there ever was an incident with this id, as far back as
// they are kept.
func (d disk) known(ctx context.Context, id string) (bool, error) {
	var n int
	err := d.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM slack_incidents WHERE id = ?`, id).Scan(&n)
	return n > 0, err
}

func scanRecord(rows *sql.Rows) (*record, error) {
	rec := &record{}
	var state, memory string
	var closed int
	var openedAt, updatedAt int64
	err := rows.Scan(&rec.id, &rec.key, &rec.workspace, &rec.channel, &rec.channelID, &rec.ts, &state, &closed, &openedAt, &updatedAt, &memory)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(memory), &rec.memory); err != nil {
		return nil, fmt.Errorf("read incident %s: %w", rec.id, err)
	}
	rec.setState(state)
	rec.closed = closed != 0
	rec.openedAt, rec.updatedAt = time.UnixMilli(openedAt), time.UnixMilli(updatedAt)
	return rec, nil
}

// rows reads the outbox in order and ties it to its incidents.
func (d disk) rows(ctx context.Context, records map[string]*record) ([]*row, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT id, incident, seq, kind, status, created_at, payload FROM slack_outbox ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*row
	for rows.Next() {
		r := &row{}
		var incident, k, status, payload string
		var createdAt int64
		if err := rows.Scan(&r.id, &incident, &r.seq, &k, &status, &createdAt, &payload); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(payload), &r.payload); err != nil {
			return nil, fmt.Errorf("read revision %s: %w", r.id, err)
		}
		rec := records[incident]
		if rec == nil {
			continue // its incident was pruned
		}
		r.rec, r.createdAt = rec, time.UnixMilli(createdAt)
		r.kind = kind(k)
		r.unsure = r.payload.Unsure || status == statusSending
		r.payload.Unsure = r.unsure // until the lookup has an answer, over any number of crashes
		out = append(out, r)
	}
	return out, rows.Err()
}

// channels reads the known channel IDs by workspace and name.
func (d disk) channels(ctx context.Context) (map[string]string, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT workspace, name, id FROM slack_channels`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var workspaceID, name, id string
		if err := rows.Scan(&workspaceID, &name, &id); err != nil {
			return nil, err
		}
		out[laneKey(workspaceID, name)] = id
	}
	return out, rows.Err()
}

// prune forgets incidents that nothing happened to since the given time, with
// their rows.
func (d disk) prune(ctx context.Context, closedBefore, openBefore time.Time) error {
	return d.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM slack_incidents WHERE (closed = 1 AND updated_at < ?) OR updated_at < ?`,
			closedBefore.UnixMilli(), openBefore.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM slack_outbox WHERE incident NOT IN (SELECT id FROM slack_incidents)`)
		return err
	})
}
