package rules

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// slicesKept is how long slices stay on disk.
const slicesKept = 400 * 24 * time.Hour

// era is the time from which on one version of an objective holds: what is counted,
// and the error budget.
type era struct {
	// from is its beginning in Unix milliseconds; the first one of an objective also
	// holds for all time before.
	from       int64
	generation string
	budget     float64
}

// books are the decisions people made about objectives, which no telemetry can tell
// again: corrections, and since when which version of an objective holds. They are
// kept in SQLite, or only in memory without a database. Safe for concurrent use.
type books struct {
	db *sql.DB

	// mu is held over writes to the database too, so that memory and disk agree.
	mu          sync.Mutex
	corrections []Correction
	eras        map[string][]era
	known       map[string]knownObjective
	lastID      int64
}

// bookMigrations in order; each is applied once. Never change one that was released.
// Times are milliseconds since 1970, 0 for none.
func bookMigrations() []string {
	return []string{
		`CREATE TABLE rules_corrections (
			id         INTEGER PRIMARY KEY,
			objective  TEXT NOT NULL,
			begins_at  BIGINT NOT NULL,
			ends_at    BIGINT NOT NULL,
			author     TEXT NOT NULL,
			reason     TEXT NOT NULL,
			created_at BIGINT NOT NULL,
			revoked_at BIGINT NOT NULL,
			revoked_by TEXT NOT NULL
		)`,
		`CREATE TABLE rules_generations (
			objective  TEXT NOT NULL,
			begins_at  BIGINT NOT NULL,
			generation TEXT NOT NULL,
			budget     DOUBLE PRECISION NOT NULL,
			spec       TEXT NOT NULL,
			PRIMARY KEY (objective, begins_at)
		)`,
		`CREATE TABLE rules_objectives (
			objective  TEXT PRIMARY KEY,
			spec       TEXT NOT NULL,
			removed_at BIGINT NOT NULL
		)`,
	}
}

// openBooks reads what was decided before; db may be nil.
func openBooks(ctx context.Context, db *sql.DB) (*books, error) {
	b := &books{db: db, eras: map[string][]era{}, known: map[string]knownObjective{}}
	if db == nil {
		return b, nil
	}
	if err := b.migrate(ctx); err != nil {
		return nil, err
	}
	if err := b.readCorrections(ctx); err != nil {
		return nil, fmt.Errorf("read corrections: %w", err)
	}
	if err := b.readEras(ctx); err != nil {
		return nil, fmt.Errorf("read generations of objectives: %w", err)
	}
	if err := b.readKnown(ctx); err != nil {
		return nil, fmt.Errorf("read the objectives that were promised before: %w", err)
	}
	return b, nil
}

func (b *books) migrate(ctx context.Context) error {
	if _, err := b.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS rules_schema (version INTEGER NOT NULL)`); err != nil {
		return fmt.Errorf("create table rules_schema: %w", err)
	}
	var version int
	if err := b.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM rules_schema`).Scan(&version); err != nil {
		return fmt.Errorf("read version of the tables of rules: %w", err)
	}
	steps := bookMigrations()
	if version > len(steps) {
		return fmt.Errorf("the tables of rules have version %d, this program knows %d: use the newer program", version, len(steps))
	}
	for i := version; i < len(steps); i++ {
		tx, err := b.db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rules_schema (version) VALUES (?)`, i+1)
		if err == nil {
			_, err = tx.ExecContext(ctx, steps[i])
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			_ = tx.Rollback() // the error that counts is err
			return fmt.Errorf("bring the tables of rules to version %d: %w", i+1, err)
		}
	}
	return nil
}

func (b *books) readCorrections(ctx context.Context) error {
	rows, err := b.db.QueryContext(ctx, `SELECT id, objective, begins_at, ends_at, author, reason, created_at, revoked_at, revoked_by FROM rules_corrections ORDER BY id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c Correction
		var from, to, created, revoked int64
		if err := rows.Scan(&c.ID, &c.Objective, &from, &to, &c.Author, &c.Reason, &created, &revoked, &c.RevokedBy); err != nil {
			return err
		}
		c.From, c.To, c.CreatedAt = time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC(), time.UnixMilli(created).UTC()
		if revoked > 0 {
			c.RevokedAt = time.UnixMilli(revoked).UTC()
		}
		b.corrections = append(b.corrections, c)
		b.lastID = max(b.lastID, c.ID)
	}
	return rows.Err()
}

func (b *books) readEras(ctx context.Context) error {
	rows, err := b.db.QueryContext(ctx, `SELECT objective, begins_at, generation, budget FROM rules_generations ORDER BY objective, begins_at`)
	if err != nil {
		return err
	}
	return eachRow(rows, func() error {
		var id string
		var g era
		if err := rows.Scan(&id, &g.from, &g.generation, &g.budget); err != nil {
			return err
		}
		b.eras[id] = append(b.eras[id], g)
		return nil
	})
}

// addCorrection keeps a correction and gives it its ID.
func (b *books) addCorrection(ctx context.Context, c Correction) (Correction, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.ID = b.lastID + 1
	if b.db != nil {
		_, err := b.db.ExecContext(ctx, `INSERT INTO rules_corrections (id, objective, begins_at, ends_at, author, reason, created_at, revoked_at, revoked_by) VALUES (?, ?, ?, ?, ?, ?, ?, 0, '')`,
			c.ID, c.Objective, c.From.UnixMilli(), c.To.UnixMilli(), c.Author, c.Reason, c.CreatedAt.UnixMilli())
		if err != nil {
			return c, fmt.Errorf("keep the correction: %w", err)
		}
	}
	b.lastID = c.ID
	b.corrections = append(b.corrections, c)
	return c, nil
}

// revoke marks a correction as revoked; doing it twice changes nothing.
func (b *books) revoke(ctx context.Context, id int64, by string, at time.Time) (Correction, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.corrections, func(c Correction) bool { return c.ID == id })
	if i < 0 {
		return Correction{}, fmt.Errorf("%w: there is no correction %d", ErrUnknown, id)
	}
	c := b.corrections[i]
	if !c.RevokedAt.IsZero() {
		return c, nil
	}
	c.RevokedAt, c.RevokedBy = at, by
	if b.db != nil {
		if _, err := b.db.ExecContext(ctx, `UPDATE rules_corrections SET revoked_at = ?, revoked_by = ? WHERE id = ?`, at.UnixMilli(), by, id); err != nil {
			return c, fmt.Errorf("revoke correction %d: %w", id, err)
		}
	}
	b.corrections[i] = c
	return c, nil
}

// correctionsOf returns the corrections that wanted says true for, by beginning.
func (b *books) correctionsOf(wanted func(Correction) bool) []Correction {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Correction
	for _, c := range b.corrections {
		if wanted(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, byBeginning)
	return out
}

// standing counts the corrections of an objective that hold and end after oldest.
func (b *books) standing(id string, oldest time.Time) int {
	return len(inForce(b.correctionsOf(func(c Correction) bool { return c.Objective == id && c.To.After(oldest) })))
}

// erasOf returns the versions of an objective.
func (b *books) erasOf(id string) []era {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.eras[id])
}

// generationsOf returns the versions of an objective as they are shown.
func (b *books) generationsOf(id string) []Generation {
	eras := b.erasOf(id)
	out := make([]Generation, 0, len(eras))
	for i, g := range eras {
		out = append(out, Generation{
			From: time.UnixMilli(g.from).UTC(), Target: round(1 - g.budget), Recounted: i > 0 && g.generation != eras[i-1].generation,
		})
	}
	return out
}

// version is an objective with the era that begins with it.
type version struct {
	objective Objective
	era       era
}

// noteEras remembers the versions of objectives that hold from now on, where they are
// other than before. The first of an objective also holds for the past.
func (b *books) noteEras(ctx context.Context, all []version) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := map[string][]era{}
	var write []version
	for _, v := range all {
		known := b.eras[v.objective.ID]
		if n := len(known); n > 0 {
			last := known[n-1]
			if last.generation == v.era.generation && last.budget == v.era.budget {
				continue
			}
			// Of two edits within a minute the later one stays.
			if last.from >= v.era.from {
				v.era.from = last.from
				known = known[:n-1]
			}
		}
		news[v.objective.ID] = append(slices.Clip(known), v.era)
		write = append(write, v)
	}
	if len(write) == 0 {
		return nil
	}
	if err := b.writeEras(ctx, write); err != nil {
		return fmt.Errorf("keep the generations of objectives: %w", err)
	}
	maps.Copy(b.eras, news)
	return nil
}

func (b *books) writeEras(ctx context.Context, all []version) error {
	return b.write(ctx, func(tx *sql.Tx) error {
		for _, v := range all {
			o := v.objective
			spec, err := json.Marshal(map[string]any{
				"target": o.Target, "period": o.Period.String(), "error_query": o.SLI.ErrorQuery, "total_query": o.SLI.TotalQuery,
				"error_ratio_query": o.SLI.ErrorRatioQuery, "budgeting": o.Budgeting, "calendar": o.Calendar,
			})
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO rules_generations (objective, begins_at, generation, budget, spec) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (objective, begins_at) DO UPDATE SET generation = excluded.generation, budget = excluded.budget, spec = excluded.spec`,
				o.ID, v.era.from, v.era.generation, v.era.budget, string(spec))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// write makes changes together, or none of them; it does nothing without a database.
func (b *books) write(ctx context.Context, change func(*sql.Tx) error) error {
	if b.db == nil {
		return nil
	}
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	if err := change(tx); err != nil {
		return err
	}
	return tx.Commit()
}
