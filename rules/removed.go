package rules

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Removed is an objective that is promised no more. What it counted stays.
type Removed struct {
	Objective Objective
	// At is when we noticed: at a reload, or at the start after its spec was taken away.
	At time.Time
}

// Removed returns the objectives that were removed after since and were not put back, by
// ID. Of a grouped objective the whole is one, its groups are none. An objective that was
// removed before this was kept is not among them.
func (e *Engine) Removed(since time.Time) []Removed {
	e.books.mu.Lock()
	defer e.books.mu.Unlock()
	var out []Removed
	for _, id := range slices.Sorted(maps.Keys(e.books.known)) {
		if k := e.books.known[id]; k.removedAt > since.UnixMilli() {
			out = append(out, Removed{k.objective(id), time.UnixMilli(k.removedAt).UTC()})
		}
	}
	return out
}

// removedTrack reads what a removed objective counted. It counts nothing any more.
func (e *Engine) removedTrack(id string) (*track, error) {
	e.books.mu.Lock()
	k, ok := e.books.known[id]
	e.books.mu.Unlock()
	if !ok || k.removedAt == 0 {
		return nil, fmt.Errorf("%w: there is no objective %q", ErrUnknown, id)
	}
	tr, err := newTrack(k.objective(id))
	if err != nil {
		return nil, fmt.Errorf("objective %q, which was removed: %w", id, err)
	}
	tr.restoring, tr.persisted = false, e.now().UnixMilli()
	return tr, nil
}

// knownObjective is what is remembered of an objective, in case it is removed.
type knownObjective struct {
	text      string // as JSON
	removedAt int64  // in Unix milliseconds; 0: it is promised
}

// lastWords is what the books say of an objective: what a report needs.
type lastWords struct {
	Service   string            `json:"service"`
	SLO       string            `json:"slo"`
	Promise   string            `json:"promise"`
	Team      string            `json:"team"`
	Meaning   string            `json:"meaning,omitempty"`
	Events    string            `json:"events,omitempty"`
	Target    float64           `json:"target"`
	Period    time.Duration     `json:"period"`
	Calendar  *lastCalendar     `json:"calendar,omitempty"`
	Budgeting Budgeting         `json:"budgeting"`
	SLI       SLI               `json:"sli"`
	Labels    map[string]string `json:"labels,omitempty"`
	Policy    map[State]string  `json:"policy,omitempty"`
	GroupBy   []string          `json:"group_by,omitempty"`
	Parent    string            `json:"parent,omitempty"`
	Group     map[string]string `json:"group,omitempty"`
}

// lastCalendar is a calendar with the name of its time zone, which no time has in JSON.
type lastCalendar struct {
	Unit  Unit   `json:"unit"`
	Count int    `json:"count"`
	Start string `json:"start"`
	Zone  string `json:"zone"`
}

// objective is what the books remember of an objective. Of its groups nothing counts any more.
func (k knownObjective) objective(id string) Objective {
	o := Recall(id, k.text)
	o.GroupBy = nil
	return o
}

// Record writes what a report needs of an objective, for [Recall].
func (o Objective) Record() (string, error) {
	w := lastWords{
		o.Service, o.SLO, o.Promise, o.Team, o.Meaning, o.Events, o.Target, o.Period, nil, o.Budgeting, o.SLI, o.Labels, o.Policy, o.GroupBy, o.Parent, o.Group,
	}
	if c := o.Calendar; c != nil {
		w.Calendar = &lastCalendar{c.Unit, c.Count, c.Start.Format(time.DateTime), c.Start.Location().String()}
	}
	text, err := json.Marshal(w)
	return string(text), err
}

// Recall reads what Record wrote. What cannot be read is left out.
func Recall(id, record string) Objective {
	var w lastWords
	if json.Unmarshal([]byte(record), &w) != nil {
		return Objective{ID: id, Promise: id}
	}
	o := Objective{
		ID: id, Service: w.Service, SLO: w.SLO, Promise: w.Promise, Team: w.Team, Meaning: w.Meaning, Events: w.Events, Target: w.Target,
		Period: w.Period, Budgeting: w.Budgeting, SLI: w.SLI, Labels: w.Labels, Policy: w.Policy, GroupBy: w.GroupBy, Parent: w.Parent, Group: w.Group,
	}
	if c := w.Calendar; c != nil {
		if zone, err := time.LoadLocation(c.Zone); err == nil {
			if start, err := time.ParseInLocation(time.DateTime, c.Start, zone); err == nil {
				o.Calendar = &Calendar{c.Unit, c.Count, start}
			}
		}
	}
	return o
}

// noteObjectives remembers the objectives that are promised now, and that others are not
// any more.
func (b *books) noteObjectives(ctx context.Context, all []Objective, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := map[string]knownObjective{}
	promised := map[string]bool{}
	for _, o := range all {
		text, err := o.Record()
		if err != nil {
			return fmt.Errorf("remember objective %q: %w", o.ID, err)
		}
		promised[o.ID] = true
		if k := (knownObjective{text: text}); b.known[o.ID] != k {
			news[o.ID] = k
		}
	}
	for id, k := range b.known {
		if !promised[id] && k.removedAt == 0 {
			k.removedAt = now.UnixMilli()
			news[id] = k
		}
	}
	if len(news) == 0 {
		return nil
	}
	if err := b.writeKnown(ctx, news); err != nil {
		return fmt.Errorf("remember the objectives: %w", err)
	}
	maps.Copy(b.known, news)
	return nil
}

func (b *books) writeKnown(ctx context.Context, news map[string]knownObjective) error {
	return b.write(ctx, func(tx *sql.Tx) error {
		for id, k := range news {
			_, err := tx.ExecContext(ctx, `INSERT INTO rules_objectives (objective, spec, removed_at) VALUES (?, ?, ?)
				ON CONFLICT (objective) DO UPDATE SET spec = excluded.spec, removed_at = excluded.removed_at`, id, k.text, k.removedAt)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *books) readKnown(ctx context.Context) error {
	rows, err := b.db.QueryContext(ctx, `SELECT objective, spec, removed_at FROM rules_objectives`)
	if err != nil {
		return err
	}
	return eachRow(rows, func() error {
		var id string
		var k knownObjective
		if err := rows.Scan(&id, &k.text, &k.removedAt); err != nil {
			return err
		}
		b.known[id] = k
		return nil
	})
}

func eachRow(rows *sql.Rows, f func() error) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return rows.Err()
}
