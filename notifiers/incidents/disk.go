package incidents

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/tables"
)

// disk is the log's part of the state database. Events are what counts; the other
// tables are found from them and are there to look things up. Times are milliseconds
// since 1970.
type disk struct{ db *sql.DB }

// migrations in order; each is applied once. Never change one that was released.
func migrations() []string {
	return []string{
		`CREATE TABLE incident_events (
			incident    TEXT NOT NULL,
			id          TEXT NOT NULL,
			at          BIGINT NOT NULL,
			event       TEXT NOT NULL,
			PRIMARY KEY (incident, id)
		)`,
		`CREATE TABLE incident_heads (
			id          TEXT PRIMARY KEY,
			number      BIGINT NOT NULL,
			service     TEXT NOT NULL,
			team        TEXT NOT NULL,
			severity    TEXT NOT NULL,
			opened_at   BIGINT NOT NULL,
			resolved_at BIGINT NOT NULL,
			head        TEXT NOT NULL
		)`,
		`CREATE INDEX incident_heads_by_number ON incident_heads (number)`,
		`CREATE INDEX incident_heads_by_age ON incident_heads (opened_at)`,
		`CREATE TABLE incident_parts (
			part        TEXT PRIMARY KEY,
			incident    TEXT NOT NULL
		)`,
		`CREATE INDEX incident_parts_by_incident ON incident_parts (incident)`,
		`CREATE TABLE incident_annotations (
			id          TEXT PRIMARY KEY,
			at          BIGINT NOT NULL,
			service     TEXT NOT NULL,
			annotation  TEXT NOT NULL
		)`,
		`CREATE INDEX incident_annotations_by_age ON incident_annotations (at)`,
	}
}

func (d disk) migrate(ctx context.Context) error {
	return tables.Schema{Of: "incidents", Table: "incident_schema", Steps: migrations()}.Migrate(ctx, d.db)
}

func (d disk) write(ctx context.Context, do func(*sql.Tx) error) error {
	return tables.Write(ctx, d.db, do)
}

// row is the head of an incident with the IDs that its events name it by.
type row struct {
	in    Incident
	parts []string
}

// batch is what one transaction writes.
type batch struct {
	events      []Event
	gone        []string
	rows        []row
	annotations []Annotation
}

func (d disk) save(ctx context.Context, b batch) error {
	return d.write(ctx, func(tx *sql.Tx) error {
		for _, id := range b.gone {
			if _, err := tx.ExecContext(ctx, `DELETE FROM incident_heads WHERE id = ?`, id); err != nil {
				return err
			}
		}
		for i := range b.events {
			if err := saveEvent(ctx, tx, &b.events[i]); err != nil {
				return err
			}
		}
		for i := range b.rows {
			if err := saveRow(ctx, tx, &b.rows[i]); err != nil {
				return err
			}
		}
		for i := range b.annotations {
			if err := saveAnnotation(ctx, tx, &b.annotations[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func saveEvent(ctx context.Context, tx *sql.Tx, e *Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO incident_events (incident, id, at, event) VALUES (?, ?, ?, ?)
		ON CONFLICT (incident, id) DO NOTHING`, e.Incident, e.ID, e.At.UnixMilli(), string(text))
	return err
}

func saveRow(ctx context.Context, tx *sql.Tx, r *row) error {
	text, err := json.Marshal(r.in)
	if err != nil {
		return fmt.Errorf("write incident: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO incident_heads (id, number, service, team, severity, opened_at, resolved_at, head)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET number = excluded.number, service = excluded.service, team = excluded.team,
			severity = excluded.severity, opened_at = excluded.opened_at, resolved_at = excluded.resolved_at, head = excluded.head`,
		r.in.ID, r.in.Number, r.in.Service, r.in.Team, r.in.Severity, unix(r.in.OpenedAt), unix(r.in.ResolvedAt), string(text))
	if err != nil {
		return err
	}
	for _, part := range r.parts {
		_, err := tx.ExecContext(ctx, `INSERT INTO incident_parts (part, incident) VALUES (?, ?)
			ON CONFLICT (part) DO UPDATE SET incident = excluded.incident`, part, r.in.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

func saveAnnotation(ctx context.Context, tx *sql.Tx, a *Annotation) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write annotation: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO incident_annotations (id, at, service, annotation) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, a.ID, a.At.UnixMilli(), a.Service, string(text))
	return err
}

// unix is a time in milliseconds, 0 if there is none.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// recent reads the IDs of incidents that are open or ended since.
func (d disk) recent(ctx context.Context, since time.Time) ([]string, error) {
	return collect(ctx, d.db, func(scan func(...any) error) (id string, err error) {
		return id, scan(&id)
	}, `SELECT id FROM incident_heads WHERE resolved_at = 0 OR resolved_at >= ? ORDER BY opened_at`, since.UnixMilli())
}

// heads reads what a filter chooses, the newest first.
func (d disk) heads(ctx context.Context, f Filter) ([]Incident, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 1 << 30
	}
	until := int64(1) << 62
	if !f.Until.IsZero() {
		until = f.Until.UnixMilli()
	}
	return collect(ctx, d.db, func(scan func(...any) error) (in Incident, err error) {
		var text string
		if err := scan(&text); err != nil {
			return in, err
		}
		return in, json.Unmarshal([]byte(text), &in)
	}, `SELECT head FROM incident_heads
		WHERE (? = '' OR service = ?) AND (? = '' OR team = ?) AND (? = '' OR severity = ?)
			AND (resolved_at = 0 OR resolved_at >= ?) AND opened_at < ?
		ORDER BY opened_at DESC LIMIT ?`,
		f.Service, f.Service, f.Team, f.Team, f.Severity, f.Severity, unix(f.Since), until, limit)
}

func (d disk) lastNumber(ctx context.Context) (n int64, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) FROM incident_heads`).Scan(&n)
	return n, err
}

// numbered returns the ID of the incident with a number, "" if there is none.
func (d disk) numbered(ctx context.Context, n int64) (id string, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT id FROM incident_heads WHERE number = ? ORDER BY opened_at DESC LIMIT 1`, n).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// find reads the incident that an ID names; nil if nothing is known of it.
func (d disk) find(ctx context.Context, id string) (*record, error) {
	canonical := id
	err := d.db.QueryRowContext(ctx, `SELECT incident FROM incident_parts WHERE part = ?`, id).Scan(&canonical)
	if errors.Is(err, sql.ErrNoRows) {
		// Nothing, or events that came before what opened it.
		err = d.db.QueryRowContext(ctx, `SELECT incident FROM incident_events WHERE incident = ? LIMIT 1`, id).Scan(&canonical)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	r, err := d.read(ctx, canonical)
	if err != nil || len(r.events) == 0 {
		return nil, err
	}
	return r, nil
}

// read reads an incident with its events.
func (d disk) read(ctx context.Context, id string) (*record, error) {
	r := &record{parts: map[string]bool{id: true}, events: map[string]Event{}}
	parts, err := collect(ctx, d.db, func(scan func(...any) error) (part string, err error) {
		return part, scan(&part)
	}, `SELECT part FROM incident_parts WHERE incident = ?`, id)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		r.parts[part] = true
	}
	for part := range r.parts {
		events, err := collect(ctx, d.db, scanEvent, `SELECT event FROM incident_events WHERE incident = ?`, part)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			r.events[e.ID] = e
		}
	}
	err = d.db.QueryRowContext(ctx, `SELECT number FROM incident_heads WHERE id = ?`, id).Scan(&r.number)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	r.fold()
	return r, nil
}

func scanEvent(scan func(...any) error) (e Event, err error) {
	var text string
	if err := scan(&text); err != nil {
		return e, err
	}
	return e, json.Unmarshal([]byte(text), &e)
}

// annotations reads those that a filter chooses, the oldest first.
func (d disk) annotations(ctx context.Context, f AnnotationFilter) ([]Annotation, error) {
	to := int64(1) << 62
	if !f.To.IsZero() {
		to = f.To.UnixMilli()
	}
	return collect(ctx, d.db, func(scan func(...any) error) (a Annotation, err error) {
		var text string
		if err := scan(&text); err != nil {
			return a, err
		}
		return a, json.Unmarshal([]byte(text), &a)
	}, `SELECT annotation FROM incident_annotations
		WHERE at >= ? AND at <= ? AND (? = '' OR service = '' OR service = ?) ORDER BY at, id`,
		unix(f.From), to, f.Service, f.Service)
}

// collect runs a query and reads each of its rows.
func collect[T any](
	ctx context.Context, db *sql.DB, read func(scan func(...any) error) (T, error), query string, args ...any,
) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// prune forgets what ended, or happened, before a time.
func (d disk) prune(ctx context.Context, before time.Time) error {
	return d.write(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			`DELETE FROM incident_heads WHERE resolved_at > 0 AND resolved_at < ?`,
			`DELETE FROM incident_annotations WHERE at < ?`,
			`DELETE FROM incident_events WHERE at < ? AND incident NOT IN (SELECT part FROM incident_parts WHERE incident IN (SELECT id FROM incident_heads))`,
		} {
			if _, err := tx.ExecContext(ctx, q, before.UnixMilli()); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM incident_parts WHERE part NOT IN (SELECT incident FROM incident_events)`)
		return err
	})
}
