package rules

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// segmentsOf cuts an objective's memory by its generations and corrections.
func (e *Engine) segmentsOf(o Objective) []segment {
	return e.segmentsSince(o, e.now().Add(-o.memory()))
}

// segmentsSince cuts the time after oldest.
func (e *Engine) segmentsSince(o Objective, oldest time.Time) []segment {
	// The target of a member is that of its whole.
	eras := e.books.erasOf(cmp.Or(o.Parent, o.ID))
	for len(eras) > 1 && eras[1].from <= oldest.UnixMilli() {
		eras = eras[1:]
	}
	corrections := inForce(e.books.correctionsOf(func(c Correction) bool {
		return (c.Objective == o.ID || (o.Parent != "" && c.Objective == o.Parent)) && c.To.After(oldest)
	}))
	if slice := o.Budgeting.Slice; slice > 0 {
		// A slice is good or bad as a whole, so it is taken out as a whole.
		for i := range corrections {
			c := &corrections[i]
			c.From, c.To = c.From.Truncate(slice), c.To.Add(slice-1).Truncate(slice)
		}
	}
	return segments(eras, corrections)
}

// recut brings all objectives in line with the books. A mark that cannot be set now
// is set later; whoever asked need not wait for it.
func (e *Engine) recut(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, tr := range e.all() {
		if err := e.cut(ctx, tr); err != nil {
			e.fault("mark", err)
		}
	}
}

// cut brings one objective in line with the books and marks its ledger where
// something begins or ends.
func (e *Engine) cut(ctx context.Context, tr *track) error {
	tr.mu.Lock()
	segs := e.segmentsOf(tr.obj)
	restoring := tr.restoring
	tr.judge.segments = segs
	tr.uncut = false
	wanted := tr.wantedMarks(e.now().UnixMilli())
	if !restoring {
		tr.ledger.KeepMarks(func(t int64) bool { return slices.Contains(wanted, t) })
	}
	tr.mu.Unlock()
	if restoring {
		return nil // The restore cuts when it is done.
	}
	for _, t := range wanted {
		if err := e.mark(ctx, tr, t); err != nil {
			tr.mu.Lock()
			tr.uncut = true // Tried again; meanwhile the pyramid answers.
			tr.mu.Unlock()
			return err
		}
	}
	return nil
}

// wantedMarks are the moments that must stay exact. The lock is held.
func (tr *track) wantedMarks(now int64) []int64 {
	var out []int64
	add := func(t int64) {
		if t != always && t != forever && t != 0 && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	for _, s := range tr.judge.segments {
		add(s.from)
		add(s.to)
	}
	for _, c := range tr.obj.calendars() {
		p := c.state(now)
		add(p.from)
		add(p.to)
	}
	slices.Sort(out)
	return out
}

// calendars are those by which an objective's budgets are reckoned.
func (o Objective) calendars() []Calendar {
	var out []Calendar
	if o.Calendar != nil {
		out = append(out, *o.Calendar)
	}
	for _, s := range o.AlsoOver {
		if s.Calendar != nil {
			out = append(out, *s.Calendar)
		}
	}
	return out
}

// mark marks the ledger at t: from memory while that is exact, else by the slices on
// disk that came after.
func (e *Engine) mark(ctx context.Context, tr *track, t int64) error {
	tr.mu.Lock()
	persisted := tr.persisted
	_, known := tr.ledger.Marked(t)
	if !known && t >= persisted {
		tr.ledger.SetMark(t, tr.ledger.Until(t))
		known = true
	}
	tr.mu.Unlock()
	if known {
		return nil
	}
	var after ledger.Cell
	err := e.eachCounted(ctx, tr, [3]int64{t, persisted, persisted}, func(s slice) {
		after.Bad += s.Bad
		after.Total += s.Total
		after.Seen += s.Seen
	})
	if err != nil {
		return err
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.ledger.SetMark(t, tr.ledger.Until(persisted).Sub(after))
	return nil
}

// blankMarks prepares an empty ledger to be filled with the past. The lock is held.
func (tr *track) blankMarks(now int64) {
	for _, t := range tr.wantedMarks(now) {
		tr.ledger.SetMark(t, ledger.Cell{})
	}
}

// roll follows the calendar: it marks the end of the present period ahead, so that
// the next one begins with an exact count. The lock is held.
func (tr *track) roll(now int64) {
	if now < tr.rollAt {
		return
	}
	tr.rollAt = forever
	for _, c := range tr.obj.calendars() {
		p := c.state(now)
		if _, known := tr.ledger.Marked(p.from); !known {
			tr.uncut = true
		}
		if _, known := tr.ledger.Marked(p.to); !known {
			tr.ledger.SetMark(p.to, tr.ledger.Total())
		}
		tr.rollAt = min(tr.rollAt, p.to)
	}
	tr.reading.calendar = tr.obj.around(now)
}

// newEra is the version of an objective that begins now, at a whole minute.
func (e *Engine) newEra(o Objective) era {
	return era{from: e.now().Truncate(time.Minute).UnixMilli(), generation: generation(o), budget: o.ErrorBudget()}
}
